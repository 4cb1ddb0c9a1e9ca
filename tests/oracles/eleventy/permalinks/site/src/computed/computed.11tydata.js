export default {
  eleventyComputed: {
    permalink: (data) => `/k/${data.page.fileSlug}/`,
  },
};
