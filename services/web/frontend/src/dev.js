// The entry in development, when FRONTEND_URL has the page load Vite's files: what Vite would write
// into an HTML page of its own as an inline script, which our content security policy forbids.
//
// Ref: https://vite.dev/guide/backend-integration

import "/@vite/client";
import { injectIntoGlobalHook } from "/@react-refresh";

injectIntoGlobalHook(window);
window.$RefreshReg$ = () => {};
window.$RefreshSig$ = () => (type) => type;

// Only now: the modules of components look for the above.
await import("./main");
