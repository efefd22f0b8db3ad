"""Patterns and word lists of the text stages, apart from the code that uses them.

Origin: written for this project; the pinyin pattern follows the founding
documents (客戶(hù)服務(wù)), which are copies with a gloss after the characters.
No pattern may match U+FFFF, the separator of `text.column`.
"""

from __future__ import annotations

import re

# Punctuation that NFKC would turn into its ASCII twin. Chinese text keeps it:
# it separates clauses, and readers expect it.
KEPT_PUNCTUATION = "，！？：；（）～…—“”‘’【】《》、。￥｜"
NORMALISED_RUN = re.compile(f"[^{KEPT_PUNCTUATION}\uffff\x00-\x7f\u4e00-\u9fff]+")

HTML_BREAK = re.compile(r"<(?:br|/?p|/?div|/?li|/?tr|hr)\b[^<>\uffff]{0,200}>", re.IGNORECASE)
HTML_TAG = re.compile(r"<(?:!--[^\uffff]{0,2000}?--|[a-zA-Z/!][^<>\uffff]{0,200})>")

# Zero-width, bidirectional and other format characters, the keycap of 1️⃣, controls except tab
# and newline, lone surrogates (which no encoder accepts), U+FFFE.
INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe"
    "\ud800-\udfff\U000e0000-\U000e0fff]+"
)
LINE_BREAK = re.compile("\r\n?|[\u2028\u2029\x85]")
BLANKS = re.compile(r"[^\S\n\uffff]+")
BLANK_LINES = re.compile(r" ?\n[ \n]*")

# A gloss is a pinyin syllable in brackets after a character: one with a tone
# mark, or a toneless one of the few that the neutral tone allows. 很好(good)
# and 型号(pro) stay.
PINYIN_GLOSS = re.compile(
    "(?<=[\u3400-\u9fff])[(（](?:"
    "(?=[a-z]{0,5}[āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜ])[a-zāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜü]{1,6}"
    "|men|de|le|zhe|guo|zi|tou|me|ma|ba|ne)[)）]"
)

# More than three of the same character say no more than three do. Digits and
# letters are left alone: 10000 is a price, and 11111 may be part of a number.
REPEATED = re.compile("([^\\s0-9a-zA-Z\uffff])\\1{3,}")

# What platforms write when the customer wrote nothing.
DEFAULT_TEXT = re.compile(
    r"(?:"
    r"(?:此|该|本)?(?:用户|买家|顾客|客户|会员|评价方|消费者|患者)?"
    r"(?:没有|未|没|暂未|尚未)(?:及时)?(?:填写|做出|作出|写下|写|发表|输入|留下)"
    r"(?:任何|文字|具体)?(?:的)?(?:评价|评论|内容|评价内容|文字评价|文字内容|意见)"
    r"(?:内容)?(?:[,，。]?(?:系统)?默认(?:为)?好评)?"
    r"|(?:系统)?默认(?:为)?(?:好评|五星好评|评价)"
    r"|(?:系统)?自动(?:好评|评价|默认好评)"
    r"|(?:暂无|无)(?:文字)?(?:评价|评论)(?:内容)?"
    r")[.。!！~～ ]*"
)
