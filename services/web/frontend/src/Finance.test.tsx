import { cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { afterEach, beforeEach, expect, test } from "vitest";

import { Finance } from "./Finance";
import { envelope, refusal, Server } from "./server.test-kit";

const LINKS = { api: "/api/v1", login: "/login", reference: "/docs" };
const LIST = "/api/v1/companies";
const ACME = "/api/v1/companies/1/finances";
const BOLT = "/api/v1/companies/2/finances";
const COMPANIES = envelope({
  items: [
    { id: 1, name: "Acme" },
    { id: 2, name: "Bolt" },
  ],
  next: null,
});
const year = (number: number, q1: string | null, q2 = "2.00", q3 = "3.00", q4 = "4.00") => ({
  year: number,
  ...{ q1, q2, q3, q4 },
});
const YEARS = envelope({ items: [year(2023, "1.00"), year(2024, "1234567.89")] });

beforeEach(() => window.history.replaceState(null, "", "/finance"));
afterEach(cleanup);

function open(query: string, answers: ConstructorParameters<typeof Server>[0]) {
  window.history.replaceState(null, "", `/finance${query}`);
  const server = new Server({ [LIST]: COMPANIES, [ACME]: YEARS, ...answers });
  render(<Finance links={LINKS} />);
  return server;
}

const heading = (name: string | RegExp) => screen.findByRole("heading", { level: 2, name });
const retry = () => fireEvent.click(screen.getByRole("button", { name: "Try again" }));

test("the first company's newest year is shown, and named in the address", async () => {
  open("", {});
  await heading("Acme, 2024");
  expect(window.location.search).toBe("?company=1&year=2024");
  expect(screen.getByRole("row", { name: /2024/ }).textContent).toContain("$1,234,567.89");
  expect(screen.getAllByRole("img")).toHaveLength(4);
});

test("while it loads there are outlines, and it says that it is busy", async () => {
  const server = open("?company=1", { [ACME]: "silent" });
  const part = screen.getByRole("region", { name: "Finance" });
  expect(part.getAttribute("aria-busy")).toBe("true");
  expect(part.querySelectorAll(".fin-bone")).toHaveLength(4);
  server.speak(ACME, YEARS);
  await heading("Acme, 2024");
  expect(part.getAttribute("aria-busy")).toBe("false");
});

test.each([
  ["the server is down", "down" as const, "The server does not answer", /may be starting/],
  [
    "the company is gone",
    refusal(404, "There is no company 1."),
    "There is no such company",
    /no company 1/,
  ],
  ["there were too many", { status: 429, body: "Slow down" }, "Too many requests", /Wait a moment/],
  [
    "the database is away",
    refusal(503, "The database does not answer."),
    "The server is not ready",
    /Request id: 5f0c/,
  ],
  [
    "the proxy has no server",
    { status: 502, body: "<html>" },
    "The server does not answer",
    /may be starting/,
  ],
  ["something broke", { status: 500, body: "" }, "The server failed to answer", /failed to answer/],
  ["it is not JSON", { body: "<html>" }, "The answer cannot be read", /cannot be read\./],
  [
    "it has no envelope",
    { body: '{"items": []}' },
    "The answer cannot be read",
    /success is not true/,
  ],
  [
    "an amount is a number",
    envelope({ items: [{ ...year(2024, "1.00"), q2: 5 }] }),
    "The answer cannot be read",
    /items\[0\]\.q2 is not an amount/,
  ],
])("%s: a sentence, and trying again helps", async (_, answer, title, sentence) => {
  const server = open("?company=1", { [ACME]: answer });
  await heading(title);
  expect(screen.getByRole("alert").textContent).toMatch(sentence);
  server.answers[ACME] = YEARS;
  retry();
  await heading("Acme, 2024");
  expect(document.activeElement).toBe(screen.getByRole("region", { name: "Finance" }));
});

test("who was logged out is led to the log-in and back", async () => {
  open("?company=1&year=2024", { [ACME]: refusal(401, "Log in first: …") });
  await heading("You are logged out");
  const link = screen.getByRole("link", { name: "Log in" });
  expect(link.getAttribute("href")).toBe("/login?next=%2Ffinance%3Fcompany%3D1%26year%3D2024");
});

test("an answer to an earlier choice is dropped, and its request ended", async () => {
  const server = open("?company=1", {
    [ACME]: "silent",
    [BOLT]: envelope({ items: [year(2020, "5.00")] }),
  });
  fireEvent.change(await screen.findByLabelText("Company"), { target: { value: "2" } });
  await heading("Bolt, 2020");
  expect(server.ended).toEqual([ACME]);
  server.speak(ACME, YEARS);
  await waitFor(() => expect(server.asked.filter((each) => each === ACME)).toHaveLength(1));
  expect(screen.getByRole("heading", { level: 2 }).textContent).toBe("Bolt, 2020");
});

test("what is chosen is in the address, and going back shows what was before", async () => {
  open("?company=1&year=2024", { [BOLT]: envelope({ items: [year(2024, "5.00")] }) });
  await heading("Acme, 2024");
  fireEvent.change(screen.getByLabelText("Year"), { target: { value: "2023" } });
  await heading("Acme, 2023");
  fireEvent.change(screen.getByLabelText("Company"), { target: { value: "2" } });
  await screen.findByText(/Bolt has no finances of 2023: this is 2024/);
  expect(window.location.search).toBe("?company=2&year=2023");
  window.history.back();
  await heading("Acme, 2023");
  window.history.back();
  await heading("Acme, 2024");
});

test("refreshing asks again, and shows what there is until the answer comes", async () => {
  const server = open("?company=1&year=2024", {});
  await heading("Acme, 2024");
  server.answers[ACME] = "silent";
  fireEvent.click(screen.getByRole("button", { name: "Refresh" }));
  const part = screen.getByRole("region", { name: "Finance" });
  expect(part.getAttribute("aria-busy")).toBe("true");
  expect(screen.getByRole("heading", { level: 2 }).textContent).toBe("Acme, 2024");
  server.speak(ACME, envelope({ items: [year(2024, "7.77")] }));
  await waitFor(() => expect(screen.getByRole("table").textContent).toContain("$7.77"));
});

test("a company without finances says what to do", async () => {
  open("?company=1", { [ACME]: envelope({ items: [] }) });
  await heading("Acme has no finances yet");
  expect(screen.getByText(/PUT \/api\/v1\/companies\/1\/finances/)).toBeTruthy();
});

test("a company has no other name while its own is not known", async () => {
  const server = open("?company=1", { [LIST]: "silent" });
  await waitFor(() => expect(server.asked).toContain(ACME));
  expect(screen.queryByRole("heading", { level: 2 })).toBeNull();
  server.speak("/api/v1/companies?sort=name&limit=1000", COMPANIES);
  await heading("Acme, 2024");
});

test("without companies it says what to do", async () => {
  open("", { [LIST]: envelope({ items: [], next: null }) });
  await heading("No companies yet");
  expect(screen.getByText("companies.fetch")).toBeTruthy();
});

test("an address that names no company is answered by a sentence, and asks for nothing", async () => {
  const server = open("?company=../users", {});
  await screen.findByText(/company “..\/users”, which is not the number of one/);
  expect(server.asked.every((each) => each.startsWith(`${LIST}?`))).toBe(true);
});

test("a quarter that is not reported is a gap, and the pie says what it leaves out", async () => {
  open("?company=1", { [ACME]: envelope({ items: [year(2024, null)] }) });
  await heading("Acme, 2024");
  const bars = screen.getByRole("img", { name: "Quarters of 2024" });
  expect(bars.querySelector("desc")?.textContent).toMatch(/^Q1 not reported, Q2 \$2\.00/);
  expect(within(screen.getByRole("table")).getByText("not reported")).toBeTruthy();
  expect(screen.getByText("Quarters that are not reported are left out.")).toBeTruthy();
});

test("a pie of a loss is a sentence in its place", async () => {
  open("?company=1", { [ACME]: envelope({ items: [year(2024, "-9000000.00")] }) });
  await heading("Acme, 2024");
  expect(screen.getByText(/A pie cannot show a loss, and there is one in Q1/)).toBeTruthy();
  expect(screen.getByText(/A pie cannot show a loss, and there is one in 2024/)).toBeTruthy();
  expect(screen.getAllByRole("img")).toHaveLength(2);
});

test("a year of which nothing is reported draws nothing of it", async () => {
  const nothing = { year: 2024, q1: null, q2: null, q3: null, q4: null };
  open("?company=1", { [ACME]: envelope({ items: [nothing] }) });
  await heading("Acme, 2024");
  expect(screen.getByText("Nothing is reported of 2024 yet.")).toBeTruthy();
  expect(screen.queryAllByRole("img")).toHaveLength(0);
});

test("of more than a thousand companies the others are found by name", async () => {
  const many = envelope({ items: [{ id: 1, name: "Acme" }], next: "WyJ" });
  const found = envelope({ items: [{ id: 2, name: "Bolt" }], next: null });
  const server = open("?company=1", {
    [LIST]: many,
    "/api/v1/companies?sort=name&limit=1000&name=bo": found,
    "/api/v1/companies/1": envelope({ id: 1, name: "Acme" }),
  });
  fireEvent.change(await screen.findByLabelText("Name contains"), { target: { value: " bo " } });
  fireEvent.click(screen.getByRole("button", { name: "Find" }));
  await screen.findByRole("option", { name: "Bolt" });
  // The chosen one is still offered.
  await screen.findByRole("option", { name: "Acme" });
  expect(server.asked).toContain("/api/v1/companies?sort=name&limit=1000&name=bo");
});
