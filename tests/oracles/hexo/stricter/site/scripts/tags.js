for (const name of ["encrypt", "protected"]) {
  hexo.extend.tag.register(name, (args, content) => content, { ends: true });
}
