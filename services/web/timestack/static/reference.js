// Swagger UI on the page of the API: requests are the reader's own, by the session's cookie and its
// CSRF token, or by the token typed under "Authorize" alone.
(() => {
  const place = document.getElementById("reference");

  const cookie = (name) =>
    document.cookie.split("; ").find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);

  const sign = (request) => {
    if (request.headers?.Authorization) {
      request.credentials = "omit";
    } else {
      const token = cookie(place.dataset.csrfCookie);
      if (token) request.headers = { ...request.headers, "X-CSRFToken": token };
    }
    return request;
  };

  // The page has a heading of its own, and the one server is this one.
  const nothing = () => () => null;
  const bare = { wrapComponents: { InfoContainer: nothing, ServersContainer: nothing } };

  // Swagger UI has two looks, and a class for the dark one.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const look = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
  dark.addEventListener("change", look);
  look();

  // It leaves them without a name, which who does not see their pictures needs.
  const names = { ".copy-to-clipboard button": "Copy", ".close-modal": "Close" };
  new MutationObserver(() => {
    for (const [buttons, name] of Object.entries(names)) {
      for (const each of place.querySelectorAll(buttons)) each.setAttribute("aria-label", name);
    }
  }).observe(place, { childList: true, subtree: true });

  SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [bare],
    layout: "BaseLayout",
    validatorUrl: null,
    // A link within each button, and colours of their own, would keep some readers out.
    deepLinking: false,
    syntaxHighlight: false,
    docExpansion: "list",
    defaultModelRendering: "model",
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: -1,
    requestInterceptor: sign,
  });
})();
