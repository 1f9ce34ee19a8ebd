import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where `npm run dev` listens: what FRONTEND_URL of .env names (timestack/settings.py).
const PORT = Number(process.env.PORT ?? 5173);

export default defineConfig({
  plugins: [react()],
  // A file names the others by where they are beside it, wherever Flask serves them.
  base: "./",
  build: {
    outDir: "dist",
    // Read by timestack/pages/frontend.py; it names the hashed files of an entry.
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    target: "baseline-widely-available",
    // React and Victory: compressed a third of that, and kept by browsers for a year.
    chunkSizeWarningLimit: 640,
    rolldownOptions: { input: { finance: "src/main.tsx" } },
  },
  server: {
    // The pages are Flask's, on another port of this host: addresses in files name ours, and of
    // other sites' pages only those of localhost may read them, which is Vite's default.
    origin: `http://localhost:${PORT}`,
    port: PORT,
    strictPort: true,
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: "src/setup.test-kit.ts",
    testTimeout: 60_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
});
