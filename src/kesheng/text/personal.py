"""What personal data looks like in Chinese feedback: patterns, check digits, column names.

Written for this project; check digits by GB 11643-1999 and ISO/IEC 7812-1.
No pattern may match U+FFFF, the separator of `text.column`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of personal data.

    pattern: its group `value` (or the whole match) is what gets masked.
    accept: the check of the value without blanks and dashes.
    guard: a cheap pattern that every text with a match has; spares the others a slow `pattern`.
    """

    name: str
    pattern: re.Pattern[str]
    accept: Callable[[str], bool] = lambda _: True
    guard: re.Pattern[str] | None = None


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1)."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(number: str) -> bool:
    """Whether the check character of an 18-character 身份证 number is right (GB 11643-1999)."""
    total = sum(int(d) * w for d, w in zip(number[:17], _ID_WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == number[17].upper()


def _at_least_three_digits(plate: str) -> bool:
    return sum(char.isdigit() for char in plate) >= 3


# What people put between the groups of a number.
_GAP = "(?:[-—–]{1,2}|[−_. ])"
_NAME = r"(?<![A-Za-z0-9])"
# A number starts here, and is not the end of another: 电话...139…, but not 3.139….
_START = r"(?<!\d)(?<!\d\.)"
_WECHAT = r"(?:微信|薇信|威信|[Ww][Ee]?[Cc]hat|VX|vx|Vx|WX|wx|V信|v信)"
_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
# Characters that stand before a place name but are not of it.
_PLACE = r"(?:(?![我你他她它住在到去寄送从的是了给就址于把和跟往位发家])[\u4e00-\u9fff])"
# 上海市浦东新区: bounded, so that what is said before an address is not masked with it.
_REGION = (
    rf"(?:{_PLACE}{{2,3}}(?:省|自治区))?(?:{_PLACE}{{2}}(?:市|州))?"
    rf"(?:{_PLACE}{{1,4}}(?:区|县|市))?(?:{_PLACE}{{1,3}}(?:镇|乡|街道))?"
)
# 和平里 is a place, 店里 (3号技师) and 这里 are none.
_LI = "里(?<![店群这那哪家院厅场手心屋夜房间台馆室包车柜堂区楼]里)"
_UNIT = r"(?:\d{1,5}|[A-Za-z]\d{0,4}|[零一二三四五六七八九十百]{1,5})"

_NUMBERED = re.compile(rf"[\u4e00-\u9fff]{_UNIT}(?:号|弄|巷|栋|幢|座|期)")

# In this order: the longer and surer kinds first, since what is masked is gone
# for the kinds after it.
KINDS: tuple[Kind, ...] = (
    Kind(
        "邮箱",
        re.compile(
            r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}", re.ASCII
        ),
    ),
    Kind(
        "身份证",
        re.compile(
            r"(?<![0-9A-Za-z])[1-9]\d{5}[ -]?(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ -]?\d{3}[\dXx](?![0-9A-Za-z])"
        ),
        resident_id,
    ),
    Kind(
        "身份证",
        re.compile(
            r"(?:身份证|证件)(?:号码|号)?(?:是|为)?[:：\s]{0,3}(?P<value>\d{15}(?:\d{2}[\dXx])?)(?![0-9A-Za-z])"
        ),
    ),
    Kind(
        "订单",
        re.compile(
            r"(?:订单|工单|运单|流水|快递单|物流单|退款单|受理单|保单|单号)(?:编号|号码|号)?(?:是|为)?[:：#\s]{0,3}"
            r"(?P<value>(?!(?:19|20)\d{2}-\d{1,2}-\d{1,2}(?![\d-]))(?=[A-Za-z-]{0,8}\d)[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){7,31})(?![A-Za-z0-9])"
        ),
    ),
    Kind(
        "银行卡",
        re.compile(_START + r"[3-6]\d{3}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?(?![\d.]\d|\d)"),
        luhn,
    ),
    Kind(
        "银行卡",
        re.compile(
            r"(?:卡号|银行卡|储蓄卡|信用卡|账号|帐号)(?:是|为)?[:：\s]{0,3}(?P<value>\d{4}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,4})?)(?!\d)"
        ),
    ),
    Kind(
        "手机",
        re.compile(
            rf"{_START}(?:(?:\+|00)?86[- ]?)?[(（]?1[3-9]\d[)）]?(?:{_GAP}?\d{{4}}){{2}}(?!\d)"
        ),
    ),
    Kind(
        "手机",
        re.compile(
            rf"{_START}(?:(?:\+|00)?86[- ]?)?1[3-9]\d"
            rf"(?:\d{_GAP}\d{{3}}{_GAP}\d{{4}}|{_GAP}\d{{3}}{_GAP}\d{{5}})(?!\d)"
        ),
    ),
    Kind(
        "固话",
        re.compile(
            r"(?<!\d)(?<!\d[.-])(?:(?:\+|00)86[- ]?[(（]?0?|[(（]?0)(?:10|2\d|[3-9]\d{2})[)）]?"
            rf"{_GAP}?[2-8]\d{{2,3}}{_GAP}?\d{{4}}(?:(?:转|-)\d{{1,5}})?(?!\d)"
        ),
    ),
    Kind(
        "固话",
        re.compile(
            r"(?:电话|座机|固话)(?:号码|号)?(?:是|为)?[:：\s]{0,3}(?P<value>[2-8]\d{2,3}[- ]?\d{4})(?!\d)"
        ),
    ),
    Kind(
        "车牌",
        re.compile(
            rf"[{_PROVINCE}] ?[A-HJ-NP-Za-hj-np-z][·•・. -]?[A-HJ-NP-Za-hj-np-z0-9]{{4,5}}[A-HJ-NP-Za-hj-np-z0-9挂学警港澳](?![A-Za-z0-9])"
        ),
        _at_least_three_digits,
    ),
    Kind(
        "微信",
        re.compile(
            rf"(?:{_WECHAT}(?:号码|号|ID|id)?|加我?[+＋]?[Vv])(?:是|为)?[:：\s]{{0,3}}"
            r"(?P<value>(?=[A-Za-z0-9_-]*[0-9_-])[A-Za-z][A-Za-z0-9_-]{5,19})(?![A-Za-z0-9])"
        ),
    ),
    # Letters alone are an account only where the words before say so: 微信 offline is none.
    Kind(
        "微信",
        re.compile(
            rf"(?:{_WECHAT}(?:号码|号|ID|id)(?:是|为)?[:：\s]{{0,3}}|{_WECHAT}\s?[:：]\s{{0,3}}|加我?的?{_WECHAT}\s?)"
            r"(?P<value>[A-Za-z]{6,20})(?![A-Za-z0-9])"
        ),
    ),
    Kind(
        "QQ",
        re.compile(
            _NAME
            + r"(?:[Qq]{2}|扣扣|企鹅)(?:群)?(?:号码|号)?(?:是|为)?[:：\s]{0,3}(?P<value>[1-9]\d{4,10})(?!\d)"
        ),
    ),
    # Too long for a price, a date with time or a model: an order or a document.
    Kind("订单", re.compile(r"(?<![\d.A-Za-z])\d{15,32}(?![\d.A-Za-z])")),
    Kind(
        "地址",
        re.compile(
            rf"{_REGION}{_PLACE}{{1,4}}(?:路|街|大道|胡同|巷|弄|村|{_LI}){_UNIT}"
            r"(?:号院|号楼|号(?!线|出口|窗口|柜台)|弄|巷)"
            rf"(?:[-\s]?{_UNIT}(?:号楼|号院|栋|幢|座|单元|层|楼|室|号|户))*(?:[-\s]?\d{{3,4}}(?!\d))?"
        ),
        guard=_NUMBERED,
    ),
    Kind(
        "地址",
        re.compile(
            rf"{_REGION}{_PLACE}{{2,4}}(?:小区|花园|公寓|家园|新村|苑|城|府|湾|庭|{_LI}|园)"
            rf"{_UNIT}(?:号楼|栋|幢|座|期)"
            rf"(?:[-\s]?{_UNIT}(?:号楼|栋|幢|座|单元|层|楼|室|号|户))*(?:[-\s]?\d{{3,4}}(?!\d))?"
        ),
        guard=_NUMBERED,
    ),
)
# A column with such a name holds a person's data whatever its values look like.
PERSONAL_COLUMN = re.compile(
    r"姓名|客户名|顾客名|患者名|用户名|会员名|车主|联系人|收货人|收件人|寄件人|昵称|手机|电话|联系方式|身份证|证件号"
    r"|银行卡|卡号|邮箱|邮件|微信|QQ|地址|住址|车牌"
    r"|^(?:(?:user|customer|buyer|client|member|contact|receiver|author)\.)?name$"
    r"|(?:^|[._ -])(?:(?:user|customer|buyer|client|member|nick|full|first|last|real|contact)[_ -]?name|customer"
    r"|contact|receiver|consignee|phone|mobile|cell|tel|telephone|e-?mail|address|id_?card|wechat|plate)(?:$|[_ -]?(?:no|number|num)$)",
    re.IGNORECASE,
)
# What every text with personal data has at least one of; spares the others all of KINDS.
SUSPECT = re.compile(
    rf"\d{{3}}|@|{_WECHAT}|加我?[+＋]?[Vv]|[Qq]{{2}}|扣扣|企鹅|(?:订|工|运|递|流|款|理|保)单|单号|流水"
    rf"|[{_PROVINCE}] ?[A-Za-z][A-Za-z0-9·•・. -]*\d|{_NUMBERED.pattern}"
)
# Likewise for a row's own id: seven digits or more, or an account.
SUSPECT_ID = re.compile(
    rf"(?:\d\D{{0,3}}){{7}}|@|{_WECHAT}|[Qq]{{2}}|扣扣|[{_PROVINCE}] ?[A-Za-z]|[路街道巷弄村里园区苑城]"
)
