import { defineConfig } from "astro/config";

export default defineConfig({
  site: "https://example.org",
  base: "/docs",
  i18n: { defaultLocale: "en", locales: ["en", "fr"] },
});
