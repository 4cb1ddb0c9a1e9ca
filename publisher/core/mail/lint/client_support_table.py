"""Which styles mail programs know: made by scripts/write_support.py, do not edit.

From the data of https://www.caniemail.com/ (by Rémi Parmentier and contributors; MIT licence), as the npm
package `caniemail` carries it, state of 2025-09-09. The newest version of each program counts, and partial
support is support. A line: feature, percent of the 22 programs below, month of the test, who lacks it.

gmail: desktop-webmail, ios, android; outlook: windows, outlook-com, macos, ios, android; apple-mail:
macos, ios; yahoo: desktop-webmail, ios, android; samsung-email: android; thunderbird: macos; protonmail:
desktop-webmail; fastmail: desktop-webmail; gmx: desktop-webmail; web-de: desktop-webmail; aol: desktop-
webmail; mail-ru: desktop-webmail; orange: desktop-webmail
"""

TESTED = "2025-07"
"""The newest test in the table."""

_TABLE = """\
accent-color 21 2023-12 gmail,outlook,yahoo,protonmail,fastmail,aol
align-items 50 2023-12 gmail,outlook,yahoo,gmx,web-de,aol
animation 23 2023-12 gmail,outlook,yahoo,protonmail,gmx,web-de,aol,mail-ru
aspect-ratio 18 2023-12 gmail,outlook,yahoo,samsung-email,thunderbird,fastmail,gmx
at-font-face 23 2023-12 gmail,outlook,yahoo,protonmail,fastmail,gmx,web-de,aol
at-import 14 2019-02 gmail,outlook,yahoo,samsung-email,thunderbird,protonmail
at-keyframes 32 2021-05 gmail,outlook,yahoo,protonmail,gmx,web-de,mail-ru
at-media 91 2023-12 outlook
at-media-device-pixel-ratio 41 2019-08 gmail,outlook,yahoo,thunderbird,protonmail,gmx,web-de,aol
at-media-hover 47 2022-08 gmail,outlook,yahoo,aol
at-media-orientation 64 2019-08 gmail,outlook,yahoo,thunderbird,protonmail
at-media-prefers-color-scheme 41 2023-03 gmail,outlook,yahoo,thunderbird,protonmail,gmx,web-de,aol
at-media-prefers-reduced-motion 41 2021-02 gmail,outlook,yahoo,thunderbird,fastmail,gmx,web-de,aol
at-supports 36 2020-05 gmail,outlook,thunderbird,protonmail,fastmail,gmx,web-de
backdrop-filter 28 2024-01 gmail,outlook,yahoo,gmx,web-de
background-blend-mode 64 2019-02 outlook,yahoo,gmx,web-de,aol
background-clip 64 2019-02 outlook,yahoo,gmx,web-de,aol
background-image 95 2023-07 outlook
background-origin 64 2019-02 outlook,yahoo,gmx,web-de,aol
background-position 95 2019-02 outlook
background-repeat 95 2019-02 outlook
background-size 82 2019-02 outlook,gmx,web-de
block-inline-size 32 2022-07 gmail,outlook,yahoo,gmx,web-de,aol
border-image 32 2019-02 gmail,outlook,yahoo,gmx,web-de,aol
border-inline-block 21 2022-07 gmail,outlook,yahoo,samsung-email,gmx,web-de
border-inline-block-individual 26 2022-07 gmail,outlook,yahoo,gmx,web-de
border-inline-block-longhand 26 2022-07 gmail,outlook,yahoo,gmx,web-de
border-radius 82 2021-03 outlook,gmx,web-de
border-radius-logical 24 2022-08 gmail,outlook,yahoo,samsung-email
border-spacing 89 2023-12 outlook
box-shadow 59 2023-12 gmail,outlook,yahoo,gmx,web-de,aol
box-sizing 73 2019-02 outlook,yahoo,aol
caption-side 95 2021-05 outlook
clear 94 2024-09 outlook
clip-path 32 2021-03 gmail,outlook,yahoo,gmx,web-de,aol
color-scheme 24 2023-09 gmail,outlook,yahoo,fastmail,gmx,web-de,aol
column-count 68 2019-02 outlook,yahoo,gmx,web-de
column-layout-properties 74 2022-08 outlook,yahoo
comments 85 2024-04 gmx,web-de
conic-gradient 35 2023-01 gmail,outlook,yahoo,aol
cursor 40 2025-07 gmail,outlook,apple-mail
display-flex 82 2021-11 outlook,gmx,web-de
display-grid 41 2019-02 gmail,outlook,yahoo,gmx,web-de,aol
empty-cells 75 2024-08 outlook,yahoo
filter 27 2024-01 gmail,outlook,yahoo,fastmail,gmx,web-de,aol
flex-direction 45 2023-01 gmail,outlook,yahoo,gmx,web-de,aol
flex-wrap 50 2023-01 gmail,outlook,yahoo,gmx,web-de,aol
float 95 2024-05 outlook
font-kerning 61 2022-08 outlook,yahoo,gmx,aol
font-stretch 56 2023-09 gmail,outlook,yahoo,samsung-email
function-clamp 36 2021-05 outlook,yahoo,samsung-email,fastmail,gmx,web-de,aol
function-light-dark 33 2024-08 gmail,outlook,yahoo,gmx,aol
function-max 36 2021-05 outlook,yahoo,samsung-email,fastmail,gmx,web-de,aol
function-min 36 2021-05 outlook,yahoo,samsung-email,fastmail,gmx,web-de,aol
gap 67 2022-12 outlook,yahoo,gmx,aol
grid-template 29 2023-01 gmail,outlook,yahoo,fastmail,gmx,aol
height 82 2019-09 yahoo
hyphenate-character 22 2024-06 gmail,outlook,yahoo,gmx,web-de
hyphenate-limit-chars 5 2024-08 gmail,outlook,apple-mail,yahoo,samsung-email,thunderbird
hyphens 25 2022-08 gmail,outlook,yahoo
important 86 2021-11 gmx,web-de
inline-size 18 2019-02 gmail,outlook,apple-mail,yahoo,fastmail,gmx,web-de,aol
inset 16 2024-05 gmail,outlook,yahoo,samsung-email,gmx,web-de,aol
intrinsic-size 65 2022-12 outlook,yahoo,samsung-email,aol
justify-content 50 2021-03 gmail,outlook,yahoo,gmx,web-de,aol
left-right-top-bottom 64 2021-05 gmail,outlook,yahoo
linear-gradient 45 2021-12 outlook,yahoo,gmx,web-de,aol
list-style-image 36 2020-04 gmail,outlook,yahoo,protonmail,aol
list-style-position 95 2020-04 outlook
margin-block-start-end 26 2022-07 gmail,outlook,yahoo,gmx,web-de
margin-inline-block 32 2022-07 gmail,outlook,yahoo,samsung-email,gmx,web-de
margin-inline-start-end 26 2022-07 gmail,outlook,yahoo,gmx,web-de
mask-image 28 2024-11 gmail,outlook,yahoo,gmx,web-de
max-block-size 35 2022-09 gmail,outlook,yahoo
max-height 95 2021-11 outlook
max-inline-size 26 2024-05 gmail,outlook,yahoo,gmx,web-de
min-block-size 26 2024-05 gmail,outlook,yahoo,gmx,web-de
min-height 95 2021-11 outlook
min-inline-size 35 2022-08 gmail,outlook,yahoo
min-width 95 2021-11 outlook
mix-blend-mode 59 2020-12 outlook,yahoo,fastmail,gmx,web-de,aol
modern-color 26 2023-01 gmail,outlook,yahoo,samsung-email,thunderbird
nesting 28 2023-08 gmail,outlook,yahoo,aol
object-fit 64 2021-07 outlook,yahoo,gmx,web-de,aol
object-position 64 2021-07 outlook,yahoo,gmx,web-de,aol
opacity 73 2019-02 outlook,gmx,web-de,aol,mail-ru
orphans 44 2024-06 gmail,outlook,yahoo,gmx,web-de
outline 91 2022-03 outlook
outline-offset 33 2022-12 gmail,outlook,yahoo,gmx,aol
overflow 95 2025-05 outlook
overflow-wrap 25 2022-08 gmail,outlook,yahoo
padding-block-start-end 26 2022-07 gmail,outlook,yahoo,gmx,web-de
padding-inline-block 21 2022-07 gmail,outlook,yahoo,samsung-email,gmx,web-de
padding-inline-start-end 26 2022-07 gmail,outlook,yahoo,gmx,web-de
position 73 2021-05 gmail,outlook
pseudo-class-active 64 2019-10 gmail,outlook,apple-mail,samsung-email
pseudo-class-checked 59 2020-03 gmail,outlook,protonmail,gmx,web-de,mail-ru
pseudo-class-first-child 73 2019-10 gmail,outlook,protonmail
pseudo-class-first-of-type 64 2019-10 gmail,outlook,protonmail,gmx,web-de
pseudo-class-focus 68 2019-10 gmail,outlook,apple-mail
pseudo-class-has 27 2022-03 gmail,outlook,yahoo,thunderbird,gmx,web-de,aol
pseudo-class-hover 73 2019-10 gmail,outlook,gmx,web-de
pseudo-class-lang 35 2022-07 gmail,outlook,yahoo,aol
pseudo-class-last-child 73 2019-10 gmail,outlook,protonmail
pseudo-class-last-of-type 64 2019-10 gmail,outlook,protonmail,gmx,web-de
pseudo-class-link 77 2019-10 gmail,protonmail
pseudo-class-not 27 2019-10 gmail,outlook,yahoo,protonmail,gmx,web-de,aol
pseudo-class-nth-child 27 2019-10 gmail,outlook,yahoo,protonmail,gmx,web-de,aol
pseudo-class-nth-last-child 27 2019-10 gmail,outlook,yahoo,protonmail,gmx,web-de,aol
pseudo-class-nth-last-of-type 27 2019-10 gmail,outlook,yahoo,protonmail,gmx,web-de,aol
pseudo-class-nth-of-type 27 2019-10 gmail,outlook,yahoo,protonmail,gmx,web-de,aol
pseudo-class-only-child 73 2019-10 gmail,outlook,protonmail
pseudo-class-only-of-type 73 2019-10 gmail,outlook,protonmail
pseudo-class-target 55 2019-10 gmail,outlook,apple-mail,protonmail,fastmail,mail-ru
pseudo-class-visited 59 2019-10 gmail,outlook,apple-mail,samsung-email,protonmail
pseudo-element-after 36 2020-05 gmail,outlook,yahoo,protonmail,gmx,web-de,aol,mail-ru
pseudo-element-before 36 2020-05 gmail,outlook,yahoo,protonmail,gmx,web-de,aol,mail-ru
pseudo-element-first-letter 68 2020-05 gmail,outlook,protonmail
pseudo-element-first-line 68 2020-05 gmail,outlook,protonmail
pseudo-element-marker 55 2022-12 gmail,outlook
pseudo-element-placeholder 55 2020-05 gmail,outlook,protonmail,gmx,web-de,mail-ru
radial-gradient 50 2021-12 outlook,yahoo,gmx,web-de
resize 17 2024-01 gmail,outlook,apple-mail,yahoo,gmx,web-de
rgba 82 2021-05 outlook,gmx,web-de
scroll-snap 30 2023-02 gmail,outlook,yahoo,fastmail,aol
selector-adjacent-sibling 91 2020-03 outlook
selector-attribute 82 2020-12 outlook,protonmail,gmx
selector-chaining 86 2019-10 outlook
selector-child 77 2019-10 outlook,protonmail,gmx,web-de
selector-class 95 2019-10 protonmail
selector-descendant 95 2019-10 protonmail
selector-general-sibling 82 2020-03 outlook,protonmail,gmx
selector-grouping 95 2019-10 protonmail
selector-id 95 2019-10 protonmail
selector-type 86 2019-10 protonmail,gmx
selector-universal 86 2019-10 outlook,protonmail
shape-margin 35 2024-03 gmail,outlook,yahoo
shape-outside 35 2024-02 gmail,outlook,yahoo
sytem-ui 95 2022-12 outlook
tab-size 33 2022-07 gmail,outlook,yahoo,gmx,web-de,aol
table-layout 88 2022-07 outlook
text-align-last 44 2022-08 outlook,yahoo
text-decoration-color 82 2020-04 outlook,gmx,web-de
text-decoration-line 85 2023-12 outlook,gmx
text-decoration-skip-ink 32 2023-12 gmail,outlook,yahoo,gmx,web-de,aol
text-decoration-style 84 2023-12 outlook,gmx
text-decoration-thickness 32 2023-01 gmail,outlook,yahoo,gmx,web-de,aol
text-emphasis 47 2022-07 gmail,outlook,yahoo,samsung-email,gmx,web-de
text-emphasis-position 26 2022-07 gmail,outlook,yahoo,samsung-email,gmx,web-de
text-justify 33 2024-04 gmail,outlook,apple-mail,yahoo,samsung-email,web-de
text-orientation 65 2023-12 outlook,yahoo,gmx,web-de
text-overflow 59 2019-02 outlook,yahoo,samsung-email,gmx,web-de,aol
text-shadow 64 2019-02 gmail
text-underline-offset 32 2023-01 gmail,outlook,yahoo,gmx,web-de,aol
text-underline-position 60 2023-12 outlook,yahoo,gmx,web-de
text-wrap 22 2024-04 gmail,outlook,yahoo,gmx,web-de
transform 27 2019-02 gmail,outlook,yahoo,gmx,web-de,aol,mail-ru
transition 55 2024-03 gmail,outlook
unit-calc 45 2020-02 outlook,yahoo,gmx,web-de,aol
unit-ch 64 2020-02 outlook,yahoo,gmx,web-de,aol
unit-initial 64 2020-02 outlook,yahoo,gmx,web-de,aol
unit-rem 64 2020-02 outlook,yahoo,gmx,web-de,aol
unit-vh 77 2023-10 outlook,fastmail,gmx,web-de
unit-vmax 64 2020-02 outlook,yahoo,gmx,web-de,aol
unit-vmin 64 2020-02 outlook,yahoo,gmx,web-de,aol
unit-vw 77 2020-02 outlook,fastmail,gmx,web-de
user-select 22 2024-02 gmail,outlook,yahoo,gmx,web-de
variables 23 2020-02 gmail,outlook,yahoo,fastmail,gmx,web-de,aol,mail-ru
visibility 73 2019-02 gmail,outlook,aol
white-space 91 2019-02 outlook
white-space-collapse 25 2024-09 gmail,outlook,yahoo
widows 44 2024-05 gmail,outlook,yahoo,gmx,web-de
word-break 73 2022-02 yahoo,gmx,web-de
word-spacing 95 2024-03 outlook
word-wrap 78 2025-05 outlook
writing-mode 59 2022-05 outlook,yahoo,fastmail,gmx,web-de,aol
z-index 77 2021-05 gmail,outlook
"""

SUPPORT: dict[str, tuple[int, str]] = {
    name: (int(known), lacking)
    for name, known, _, lacking in (line.split(maxsplit=3) for line in _TABLE.splitlines())
}
"""By feature: percent of mail programs that know it, and some that do not."""
