module.exports = function () {
  return { markdownTemplateEngine: false };
};
