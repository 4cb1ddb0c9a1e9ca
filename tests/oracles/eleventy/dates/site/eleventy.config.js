export default function () {
  return { dir: { input: "." } };
}
