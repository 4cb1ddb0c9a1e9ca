import { defineCollection, z } from "astro:content";
import { glob } from "astro/loaders";

const posts = defineCollection({
  loader: glob({ base: "./src/posts", pattern: "**/[^_]*.{md,mdx}" }),
  schema: z.object({ title: z.string(), date: z.coerce.date(), draft: z.boolean().optional() }),
});

export const collections = { posts };
