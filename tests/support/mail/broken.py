"""Templates, stylesheets and catalogs that an author may break, and what is said of each."""

import shutil
from dataclasses import dataclass
from pathlib import Path

DIGEST, TEXT, LAYOUT = "email/digest/body.html", "email/digest/body.txt", "email/layout.html"
STYLES, WEB, WEB_STYLES = "email/styles.css", "web/layout.html", "web/styles.css"
EXTENDS = '{% extends "email/layout.html" %}\n'
FRAME = '{% extends "web/layout.html" %}'
LOOP = "{% for post in posts %}"
PO = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'


@dataclass(frozen=True)
class Broken:
    """An own template, which says `said`. With `old` it is the packaged one with `new` in place of it."""

    file: str
    new: str
    said: str
    old: str = ""


BROKEN = (
    Broken(DIGEST, "{% block contnet %}", f"{DIGEST}:25: email/layout.html has no block `contnet`",
           "{% block content %}"),
    Broken("web/index.html", "{% block mian %}", "web/layout.html has no block `mian`", "{% block main %}"),
    Broken("email/confirm/body.html", EXTENDS + "{% block body %}x{% endblock %}", "no block `body`, only"),
    Broken(LAYOUT, "", "has no block `content`, which the templates that extend it fill",
           "{% block content %}{% endblock %}"),
    Broken(WEB, "", "has no block `main`, which", "{% block main %}{% endblock %}"),
    Broken(DIGEST, "<p>Hello</p>", "body.html: makes a mail without any of its posts; loop over posts"),
    Broken(DIGEST, EXTENDS + "{% block content %}{% endblock %}", "without any of its posts"),
    Broken(TEXT, "Hello {{ links.unsubscribe }}", "body.txt: makes a mail without any of its posts"),
    Broken(TEXT, "", "body.txt: makes a mail without any of its posts"),
    Broken(DIGEST, LOOP + "<a href='{{ post.url }}'>{{ post.html|safe }}</a>{% endfor %}",
           "body.html: makes a mail without the title of a post; put {{ post|label }} into it"),
    Broken(DIGEST, LOOP + "<a href='{{ post.url }}'>{{ post|label }}</a>{% endfor %}",
           "body.html: makes a mail without the body of a post"),
    Broken(DIGEST, LOOP + "{{ post|label }}{{ post|body }}{% endfor %}", "without the link of a post"),
    Broken(TEXT, LOOP + "{{ post.title }} {{ post.url }}\n{% endfor %}", "without the body of a post"),
    Broken(TEXT, LOOP + "{{ post.title }} {{ post.text }}\n{% endfor %}", "without the link of a post"),
    Broken(TEXT, LOOP + "{{ post.text }} {{ post.url }}\n{% endfor %}", "without the title of a post"),
    Broken(TEXT, "{% set post = posts[0] %}{{ post.title }} {{ post.text }} {{ post.url }}",
           "without the title of its second post"),
    Broken("email/post.html", "{% if alone %}", "without the link of a post", "{% if post.gone %}"),
    Broken("email/digest/subject.txt", "{# nothing #}", "makes an empty subject"),
    Broken("email/confirm/body.html", "<p>Hello</p>", "makes a mail without its link, links.confirm"),
    Broken("email/confirm/body.txt", "Hello", "body.txt: makes a mail without its link, links.confirm"),
    Broken("email/account/body.txt", "Hello", "without its link, links.export"),
    Broken(DIGEST, LOOP + "{{ post.titel }}{% endfor %}",
           f"{DIGEST}:1: `post.titel`: a post has authors, categories"),
    Broken(DIGEST, "\n{{ list.titel }}", f"{DIGEST}:2: `list.titel`: a list has approve, at, cadence"),
    Broken("web/index.html", FRAME + "\n{% block main %}\n{{ lists.titel }}{% endblock %}",
           "index.html:3: `lists.titel`: these are several, and each has archive, description, slug, title"),
    Broken("web/index.html", FRAME + "{% block main %}{{ lists[0].titel }}{% endblock %}",
           "`lists[0].titel`: it has archive, description, slug, title, url; did you mean title?"),
    Broken(DIGEST, "{{ site.nmae }}", "`site.nmae`: the site has author, copyright"),
    Broken(DIGEST, "\n\n{{ lists }}", f"{DIGEST}:3: there is no variable `lists`, only digest"),
    Broken("web/error.html", "{{ titel }}", "no variable `titel`, only direction, language, message"),
    Broken(DIGEST, "{% if digest.more > 99 %}{{ nothing_here }}{% endif %}", "no variable `nothing_here`"),
    Broken(DIGEST, "{{ post|lable }}", "No filter named 'lable'"),
    Broken(DIGEST, "{% for post in posts %}", f"{DIGEST}:1: "),
    Broken(DIGEST, "{% include 'email/nowhere.html' %}", "templates/email/nowhere.html: not found"),
    Broken(DIGEST, "{{ 1 / 0 }}", "division by zero"),
    Broken(DIGEST, "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
           "does more than 1,000,000 steps"),
    Broken(DIGEST, "{% set x = 'x' * 10 ** 9 %}", "more than 5,000,000 characters"),
    Broken("web/erased.html", "", "web/erased.html: makes an empty page"),
    Broken("web/erased.html", "<html><body><p>Gone</p></body></html>", "makes a page without <main>"),
    Broken("web/answer.html", '{% extends "web/layout.html" %}', "makes a page whose <main> is empty"),
    Broken("web/unsubscribe.html", FRAME + "{% block main %}Bye{% endblock %}",
           "makes a page without its form; add <form method=\"post\""),
    Broken("web/unsubscribe.html", "get", "makes a page without its form", "post"),
    Broken("web/subscribe.html", "", "without its hidden field `token`",
           '<input type="hidden" name="token" value="{{ token }}">'),
    Broken("web/post.html", "", "makes a page without the body of its post", "{{ post|page_body }}"),
    Broken("web/post.html", "", "makes a page without the title of its post", "<h1>{{ post|label }}</h1>"),
    Broken(STYLES, "p { margin: 0 }\n/* never\nclosed", f"{STYLES}:2: a comment /* is never closed"),
    Broken(STYLES, "p { font-family: \"Geo }\np { margin: 0 }", f"{STYLES}:1: a string \" is never closed"),
    Broken(STYLES, "p { margin: 0\na { color: red }", f"{STYLES}:1: a {{ is never closed"),
    Broken(STYLES, "p { margin: 0 }\n}\na { color: red }", f"{STYLES}:2: there is a }} too many"),
    Broken(STYLES, "p { background: url(x }\na { color: red }", f"{STYLES}:1: a ( is never closed"),
    Broken(STYLES, "p { margin }", "`margin` is not a declaration: it has no colon"),
    Broken(STYLES, "p {\n  margin: 0\n  color: red;\n}", f"{STYLES}:2: a ; is missing"),
    Broken(STYLES, "p { margin: 0 }\n{ color: red }", f"{STYLES}:2: a rule has no selector"),
    Broken(STYLES, "p { margin: 0 }\nh1, h2", f"{STYLES}:2: `h1, h2` has no {{ }}"),
    Broken(WEB_STYLES, "main { color: red }}", f"{WEB_STYLES}:1: there is a }} too many"),
    Broken(LAYOUT, "<style>\n.x { color: red", f"{LAYOUT}:22: a {{ is never closed", "<style>\n"),
    Broken("languages/de.po", PO + 'msgid "Get %(list)s"\nmsgstr "%(liste)s holen"\n',
           "languages/de.po:4: %(liste)s is not in the English message, which has %(list)s"),
    Broken("languages/de.po", PO + 'msgid "Get %(list)s"\nmsgstr "Holen"\n',
           "the placeholder %(list)s is missing"),
    Broken("languages/de.po", PO + 'msgid "Get %(list)s"\nmsgstr "%(list)s 100 %"\n',
           "a % that begins no placeholder"),
    Broken("languages/de.po", "no catalog", "it must be a gettext catalogue"),
)  # fmt: skip


def write(own: Path, templates: Path, broken: Broken) -> None:
    shutil.rmtree(own, ignore_errors=True)
    file = own / broken.file
    file.parent.mkdir(parents=True)
    text = broken.new
    if broken.old:
        packaged = (templates / broken.file).read_text()
        assert broken.old in packaged, broken
        text = packaged.replace(broken.old, broken.new)
    file.write_text(text)
