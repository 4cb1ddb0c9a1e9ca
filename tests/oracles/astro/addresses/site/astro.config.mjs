import { defineConfig } from "astro/config";

export default defineConfig({ site: "https://example.org", trailingSlash: "never", build: { format: "file" } });
