"""Literals in JavaScript and TypeScript: objects, lists, texts and numbers. Nothing is run.

Anything that would have to be run becomes `JsCode` with its source: a function, a call, a name, a text with
`${...}`. tree-sitter makes the syntax tree; its grammars are loaded when the first such file is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from time import thread_time
from typing import TYPE_CHECKING

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import Value

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Point

MAX_DEPTH = 40

MAX_SECONDS = 1.0
"""CPU seconds for one file. A real one of 200 kB takes a tenth; what is broken on purpose could take minutes,
because tree-sitter's error recovery is quadratic.
"""

_CHUNK = 4096
_ESCAPE = lazy(
    r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(?:\r\n|[\n\r\u2028\u2029])|([\s\S]))"
)
_SHORT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": ""}
_NUMBER = lazy(r"\d+(?:\.\d+)?")
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "function_declaration"})
_NESTED = _FUNCTIONS | {"method_definition", "class", "class_declaration", "generator_function"}
_WRAPPERS = frozenset(
    {
        "parenthesized_expression",
        "as_expression",
        "satisfies_expression",
        "non_null_expression",
        "type_assertion",
    }
)


class JsCode(str):
    """An expression's source."""

    __slots__ = ()


def exported(text: str, suffix: str = ".js") -> dict[str, Value] | None:
    """The object that a module exports (`module.exports = {...}`, `export default {...}`, or the object that
    an exported function returns), as far as it is literal; None if there is none. `suffix` is that of the
    file's name, which tells TypeScript and TSX from JavaScript.
    """
    source = text.encode("utf-8", "replace")
    root = _parsed(source, suffix)
    return _LiteralReader(source).exported(root) if root is not None else None


def declared(text: str) -> dict[str, Value]:
    """The variables that a script declares outside of functions, as far as they are literals."""
    source = text.encode("utf-8", "replace")
    root, reader = _parsed(source, ".js"), _LiteralReader(source)
    found: dict[str, Value] = {}
    for statement in root.named_children if root is not None else ():
        declaration = statement.child_by_field_name("declaration") or statement
        if declaration.type in ("lexical_declaration", "variable_declaration"):
            for part in declaration.named_children:
                name, value = part.child_by_field_name("name"), part.child_by_field_name("value")
                if name is not None and value is not None and name.type == "identifier":
                    found[reader.text(name)] = reader.value(value, 0)
    return found


def known(value: Value) -> Value:
    """`value` without the parts that are JsCode."""
    if isinstance(value, JsCode):
        return None
    if isinstance(value, list):
        return [known(item) for item in value if not isinstance(item, JsCode)]
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items() if not isinstance(item, JsCode)}
    return value


@cache
def _grammar(suffix: str) -> "Language":
    from tree_sitter import Language

    if suffix in (".ts", ".mts", ".cts", ".tsx"):
        import tree_sitter_typescript

        typescript = tree_sitter_typescript
        return Language(typescript.language_tsx() if suffix == ".tsx" else typescript.language_typescript())
    import tree_sitter_javascript

    return Language(tree_sitter_javascript.language())


def _parsed(source: bytes, suffix: str) -> "Node | None":
    """The root of the syntax tree; None if parsing takes more than MAX_SECONDS."""
    from tree_sitter import Parser

    end = thread_time() + MAX_SECONDS

    def read(at: int, _point: "Point") -> bytes:
        return b"" if thread_time() > end else source[at : at + _CHUNK]

    def stop(_at: int, _has_error: bool) -> bool:
        return thread_time() > end

    try:
        tree = Parser(_grammar(suffix)).parse(read, encoding="utf8", progress_callback=stop)
    except ValueError:  # raised when `stop` cancels it
        return None
    return tree.root_node if thread_time() <= end else None


@dataclass(frozen=True, slots=True)
class _LiteralReader:
    """Reads values from nodes of the syntax tree of `source`."""

    source: bytes

    def exported(self, root: "Node") -> dict[str, Value] | None:
        given: Node | None = None
        declared: dict[str, Node] = {}
        for statement in root.named_children:
            if statement.type == "export_statement":
                default = any(child.type == "default" for child in statement.children)
                own = statement.child_by_field_name("value") or statement.child_by_field_name("declaration")
                given = own if default else self._renamed_default(statement) or given
            elif statement.type == "expression_statement":
                given = self._assigned(statement) or given
            declared |= self._declared(statement)
        if given is not None and given.type == "identifier":
            given = declared.get(self.text(given))
        found = _object(given)
        return self.object(found, 0) if found is not None else None

    def _renamed_default(self, statement: "Node") -> "Node | None":
        """The name in `export { name as default }`."""
        for clause in statement.named_children:
            for specifier in clause.named_children if clause.type == "export_clause" else ():
                alias = specifier.child_by_field_name("alias")
                if alias is not None and self.text(alias) == "default":
                    return specifier.child_by_field_name("name")
        return None

    def _assigned(self, statement: "Node") -> "Node | None":
        """What `module.exports = ...` assigns, also in `exports = module.exports = ...`."""
        node: Node | None = statement.named_child(0)
        ours = False
        while node is not None and node.type == "assignment_expression":
            left = node.child_by_field_name("left")
            ours = ours or (left is not None and self.text(left) == "module.exports")
            node = node.child_by_field_name("right")
        return node if ours else None

    def _declared(self, statement: "Node") -> "dict[str, Node]":
        """The constants and functions that a statement declares: what their names mean never changes."""
        node = statement.child_by_field_name("declaration") or statement
        if node.type == "function_declaration":
            name = node.child_by_field_name("name")
            return {self.text(name): node} if name is not None else {}
        kind = node.child_by_field_name("kind")
        if node.type != "lexical_declaration" or kind is None or kind.type != "const":
            return {}
        found: dict[str, Node] = {}
        for part in node.named_children:
            name, value = part.child_by_field_name("name"), part.child_by_field_name("value")
            if name is not None and value is not None:
                found[self.text(name)] = value
        return found

    def text(self, node: "Node") -> str:
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def object(self, node: "Node", depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for part in node.named_children:
            if part.type == "shorthand_property_identifier":
                found[self.text(part)] = JsCode(self.text(part))
            elif part.type == "spread_element":
                more = self.value(part.named_child(0), depth + 1)
                found |= more if isinstance(more, dict) else {}
            elif part.type == "pair":
                key = self._key(part.child_by_field_name("key"))
                if key is not None:
                    found[key] = self.value(part.child_by_field_name("value"), depth + 1)
            elif part.type == "method_definition":
                name = part.child_by_field_name("name")
                key, code = self._key(name), self._method(part, name)
                if key is not None and code is not None:
                    found[key] = code
        return found

    def _key(self, node: "Node | None") -> str | None:
        """The name of a property; None where it is computed."""
        if node is None:
            return None
        if node.type == "computed_property_name":
            value = self.value(node.named_child(0), 0)
            return value if isinstance(value, str) and not isinstance(value, JsCode) else None
        return _unquoted(self.text(node)) if node.type == "string" else self.text(node)

    def _method(self, node: "Node", name: "Node | None") -> JsCode | None:
        """A method as a function's source, without its name; a setter says nothing."""
        marks = {child.type for child in node.children if name and child.end_byte <= name.start_byte}
        if name is None or "set" in marks:
            return None
        if "*" in marks:
            return JsCode(self.text(node))
        code = self.source[name.end_byte : node.end_byte].decode("utf-8", "replace")
        return JsCode(f"async {code}" if "async" in marks else code)

    def list(self, node: "Node", depth: int) -> list[Value]:
        found: list[Value] = []
        for part in node.named_children:
            if part.type == "spread_element":
                more = self.value(part.named_child(0), depth + 1)
                found += more if isinstance(more, list) else [JsCode(self.text(part))]
            elif part.type != "comment":
                found.append(self.value(part, depth + 1))
        return found

    def value(self, node: "Node | None", depth: int) -> Value:
        bare = _bare(node)
        if bare is None:
            return JsCode()
        text = self.text(bare)
        if bare.type == "object" and depth < MAX_DEPTH:
            return self.object(bare, depth)
        if bare.type == "array" and depth < MAX_DEPTH:
            return self.list(bare, depth)
        if bare.has_error:
            return JsCode(text)
        if bare.type == "string":
            return _unquoted(text)
        if bare.type == "template_string":
            places = any(part.type == "template_substitution" for part in bare.named_children)
            return JsCode(text) if places else _unquoted(text)
        if bare.type == "unary_expression" and text[0] in "+-":
            number = self.value(bare.child_by_field_name("argument"), depth + 1) if depth < MAX_DEPTH else ""
            signed = isinstance(number, str) and _NUMBER.fullmatch(number)
            return f"{text[0]}{number}" if signed else JsCode(text)
        if bare.type == "number" and _NUMBER.fullmatch(plain := text.replace("_", "")):
            return plain
        if text in ("true", "false"):
            return text
        return None if text in ("null", "undefined") else JsCode(text)


def _bare(node: "Node | None") -> "Node | None":
    """A value without parentheses, `as const`, `satisfies ...` and their like around it."""
    while node is not None and node.type in _WRAPPERS:
        inner = [child for child in node.named_children if child.type not in ("comment", "type_arguments")]
        node = inner[0] if inner else None
    return node


def _object(node: "Node | None") -> "Node | None":
    """The object that a value is, or that the function returns which it is, calls or is given."""
    node = _bare(node)
    if node is None or node.type == "object":
        return node
    if node.type in _FUNCTIONS:
        return next((it for value in _returned(node) if (it := _bare(value)) and it.type == "object"), None)
    if node.type == "call_expression":
        arguments = node.child_by_field_name("arguments")
        parts = (node.child_by_field_name("function"), *(arguments.named_children if arguments else ()))
        functions = (it for part in parts if (it := _bare(part)) and it.type in _FUNCTIONS)
        return next((it for function in functions if (it := _object(function))), None)
    return None


def _returned(function: "Node") -> "Iterator[Node]":
    """The values that a function returns, in their order, without those of functions in it."""
    body = function.child_by_field_name("body")
    if body is not None and body.type != "statement_block":
        yield body
        return
    waiting = [body] if body is not None else []
    while waiting:
        node = waiting.pop()
        if node.type == "return_statement":
            yield from node.named_children[:1]
        elif node.type not in _NESTED or node is body:
            waiting += reversed(node.named_children)


def _unquoted(text: str) -> str:
    plain = _ESCAPE.sub(_unescape, text[1:-1])
    # Two escapes may be the halves of one character.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescape(match: re.Match[str]) -> str:
    if code := match[1] or match[2] or match[3]:
        return chr(number) if (number := int(code, 16)) <= 0x10FFFF else "\ufffd"
    return _SHORT.get(match[4], match[4]) if match[4] else ""
