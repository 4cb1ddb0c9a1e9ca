"""A post with everything in it, as a mail: what a reader of each part sees, byte for byte."""

from collections.abc import Callable

import pytest

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost
from publisher.core.posts.post import AssetLocation, Image, MarkdownExtension, MarkupLanguage
from publisher.markup import SafeMarkup
from publisher.rendering import JinjaRenderer

BODY = """\
The ferry is ~~free~~ paid: 10<sup>6</sup> riders, H<sub>2</sub>O, x<sub>ij</sub>, the 4<sup>th</sup>
<abbr title="Global Positioning System">GPS</abbr> fix. Press <kbd>Ctrl</kbd>+<kbd>C</kbd>, run
`git commit --amend  --no-edit`, and read [the tide tables](/tides?a=1&b=2)[^tide], or
<https://example.net/a-very-long-path-with-hyphens-and-more-of-it-part-part-part-part-part/end-of-it?x=1>.

<q>So it <q>goes</q></q>, <ins>said</ins> <mark>the</mark> pilot. 😀 $$e^{x_1}$$

## A list

- [x] Moor the boat
- [ ] Mend the *net*, which takes a long while when the weather is what it was in all of this week
  1. cut
  2. knot

     ```sh
     ls -l   | sort
     ```

<ol reversed><li>third<li value="7">seventh<li>sixth</ol>

Neap
: When the moon is at its half.

> A quotation that goes on for long enough to be wrapped over more than one line of the text.
>
> - with a list
>
>       and code

```make
all:
\techo "a line of code that is longer than any line of a mail may be, and is left alone" > out.txt


clean:  \x20
```

| Port | High water | Height |
|---|---|---:|
| Kampot | 07:12 | 1.2 m |
| 東京 | 11:40 | ~~2~~ 12.4 m |

| Port | What the pilots say of it |
|---|---|
| Kampot | The bar is shallow at low water, and the buoys have been moved twice since the storm |
| Kep | |

![The harbour at dawn](harbour.png)

![unknown](https://example.net/unknown.jpg) within a line.

![IMG_2034.jpg](https://example.net/IMG_2034.jpg)

<video src="/v.mp4" poster="/poster.png" width="640" height="360"></video>

<audio title="The talk"><source src="/talk.mp3"></audio>

<details><summary>More</summary>

Hidden water.

</details>

* * *

[^tide]: By the harbour master's book, which he keeps in a tin box under the bench of the house.
"""

ARABIC = """\
يمتد النهر عبر `ls -l | sort` ست دول[^1]. ~~مجاني~~ مدفوع.

```sh
for f in *.md; do echo "$f"; done
```

[^1]: ملاحظة.
"""


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_post_with_everything_in_it_reads_well_in_both_parts(
    language: str,
    post: Callable[..., DigestPost],
    digest: Callable[..., Digest],
    links: DigestLinks,
    renderer: JinjaRenderer,
    golden: Callable[[str, bytes], None],
) -> None:
    markup = SafeMarkup()
    files = {
        "harbour.png": AssetLocation(url="https://river.example/assets/1-harbour.png", width=800, height=300)
    }
    html = markup.html(
        BODY if language == "en" else ARABIC,
        MarkupLanguage.MARKDOWN,
        base_url="https://river.example/sink/",
        title="Kitchen sink",
        files=files,
        extensions=(MarkdownExtension.DEFINITIONS, MarkdownExtension.MATH),
        language=language,
    )
    shown = post(
        title="Kitchen sink",
        language=language,
        html=html,
        text=markup.text(html, "Kitchen sink"),
        image=Image(url="https://river.example/hero.png", alt="The ferry"),
    )
    content = renderer.digest(digest(shown, language=language), links)
    golden(f"mails/sink.{language}.html", content.html.encode())
    golden(f"mails/sink.{language}.txt", content.text.encode())
