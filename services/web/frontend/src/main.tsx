// The entry of the page /finance: draws it into the element that Flask's template has for it.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { Finance } from "./Finance";
import "./finance.css";

const place = document.getElementById("finance");
if (place) {
  const { api = "", login = "", reference = "" } = place.dataset;
  createRoot(place).render(
    <StrictMode>
      <Finance links={{ api, login, reference }} />
    </StrictMode>,
  );
}
