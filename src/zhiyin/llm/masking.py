"""Names, mails, phones, numbers and addresses of people, replaced before a text leaves this machine.

Rules, not a model: what has the form of such a thing (English and Chinese) becomes `[PHONE_1]`, the same
value the same mark, and the marks in an answer become the values again. A name is known where it is
introduced ("my name is …", "我叫…", "收件人：…") or where the caller names it; names of items stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["Masks", "mask_text"]

MARK = re.compile(r"\[(?:MAIL|PHONE|ID|CARD|ADDRESS|NAME|ACCOUNT|IP)_\d{1,4}\]")
LONGEST_MARK = 16
SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢"
    "姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
PLACE = r"[\u4e00-\u9fff]{1,12}?"
RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("MAIL", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")),
    ("ID", re.compile(r"(?<!\d)\d{6}(?:19|20)\d{2}(?:0\d|1[0-2])[0-3]\d\d{3}[\dXx](?!\d)")),
    ("ID", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")),
    ("ID", re.compile(
        r"(?i)(?:passport(?: (?:no|number))?|护照(?:号码?)?)[.:： ]{1,3}([A-Z]{1,2}\d{6,9})(?!\d)"
    )),
    ("CARD", re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")),
    ("PHONE", re.compile(r"(?<![\d+])(?:(?:\+|00)86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")),
    ("PHONE", re.compile(r"(?<![\d.])\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d(?:[ -]?\d){5,12}(?!\d)")),
    ("PHONE", re.compile(r"(?<![\d.])(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?!\d)")),
    ("PHONE", re.compile(r"(?<!\d)0\d{2,3}[ -]\d{7,8}(?!\d)")),
    ("PHONE", re.compile(
        r"(?i)(?:tel|phone|mobile|call me (?:at|on)|电话|手机号?|联系方式)[.:： ]{1,3}(\d(?:[ -]?\d){6,13})"
    )),
    ("ACCOUNT", re.compile(r"(?i)(?:微信号?|wechat|QQ号?)[.:： ]{1,3}([\w-]{5,20})")),
    ("IP", re.compile(rf"(?<![\d.]){BYTE}(?:\.{BYTE}){{3}}(?![\d.])")),
    ("ADDRESS", re.compile(
        rf"(?:{PLACE}(?:省|自治区))?(?:{PLACE}[市州盟])?(?:{PLACE}[区县旗])?(?:{PLACE}(?:镇|乡|街道))?"
        rf"{PLACE}(?:路|街|巷|道|弄|胡同|大道)\d{{1,5}}(?:号|弄)(?:[\u4e00-\u9fff\d-]{{0,8}}?(?:室|楼|单元|栋|号|层)){{0,4}}"
    )),
    ("ADDRESS", re.compile(
        r"(?<!\d)\d{1,5} (?:[NSEW]\.? )?(?:[A-Z][a-z]+ ){1,3}"
        r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq)\b\.?"
        r"(?:,? (?:Apt|Suite|Unit|#) ?\w{1,6})?"
    )),
    ("NAME", re.compile(
        r"(?:[Mm]y name is|[Nn]ame:|[Nn]ame is|I am called|[Cc]all me|[Ss]igned,?)\s+"
        r"((?:[A-Z][\w'’-]+)(?: [A-Z][\w'’.-]*){0,3})"
    )),
    ("NAME", re.compile(
        r"(?:我叫|我的名字[是叫]|姓名[:： ]|名字[:： ]|收件人[:： ]?|联系人[:： ]?|署名[:： ])\s?"
        rf"([{SURNAMES}][\u4e00-\u9fff·]{{1,3}}?)"
        r"(?=[,，。.;；!！?？\s、]|$|今年|来自|是|喜欢|想|住)"
    )),
)  # fmt: skip
"""In order; what one rule took, no later one sees. A rule with a group masks only the group."""


@dataclass(slots=True)
class Masks:
    """The marks of one question, shared by all of its texts."""

    names: Sequence[str] = ()
    """Words that are always masked, such as the asker's own name."""
    marks: dict[str, str] = field(default_factory=dict)
    """Value -> mark."""
    _counts: dict[str, int] = field(default_factory=dict)

    def mask(self, text: str) -> str:
        """The text with marks. What already looks like a mark is broken up, so that nobody can forge one."""
        text = MARK.sub(lambda found: f"({found[0][1:-1]})", text)
        for name in sorted(filter(None, self.names), key=len, reverse=True):
            text = re.sub(_word(name), lambda found: self._mark("NAME", found[0]), text)
        for kind, rule in RULES:
            text = self._applied(kind, rule, text)
        return text

    def unmask(self, text: str) -> str:
        """The values again; marks that were never given stay."""
        if not self.marks or "[" not in text:
            return text
        values = {mark: value for value, mark in self.marks.items()}
        return MARK.sub(lambda found: values.get(found[0], found[0]), text)

    def unmask_json(self, text: str) -> str:
        """The same inside of JSON, where a value must be escaped."""
        if not self.marks or "[" not in text:
            return text
        values = {mark: _escaped(value) for value, mark in self.marks.items()}
        return MARK.sub(lambda found: values.get(found[0], found[0]), text)

    def unmask_pieces(self, pieces: Iterator[str]) -> Iterator[str]:
        """The same of a stream: the beginning of what may become a mark is held back."""
        waiting = ""
        for piece in pieces:
            waiting += piece
            opened = waiting.rfind("[")
            cut = len(waiting)
            if opened >= 0 and "]" not in waiting[opened:] and len(waiting) - opened < LONGEST_MARK:
                cut = opened
            if cut:
                yield self.unmask(waiting[:cut])
            waiting = waiting[cut:]
        if waiting:
            yield self.unmask(waiting)

    def _applied(self, kind: str, rule: re.Pattern[str], text: str) -> str:
        plain = _plain(text)
        parts, after = [], 0
        for found in rule.finditer(plain):
            start, end = found.span(1 if rule.groups else 0)
            value = text[start:end]
            if kind == "CARD" and not _luhn(plain[start:end]):
                continue
            parts += [text[after:start], self._mark(kind, value)]
            after = end
        return "".join([*parts, text[after:]])

    def _mark(self, kind: str, value: str) -> str:
        if value not in self.marks:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self.marks[value] = f"[{kind}_{self._counts[kind]}]"
        return self.marks[value]


def mask_text(text: str, names: Sequence[str] = ()) -> str:
    """One text alone.

    >>> mask_text("I am at li.lei@example.com or 138 0013 8000")
    'I am at [MAIL_1] or [PHONE_1]'
    >>> mask_text("我叫李雷，手机１３８００１３８０００")
    '我叫[NAME_1]，手机[PHONE_1]'
    """
    return Masks(names).mask(text)


def _plain(text: str) -> str:
    """Full-width digits and letters as ASCII, at the same places."""
    if text.isascii():
        return text
    return "".join(_narrow(letter) for letter in text)


def _narrow(letter: str) -> str:
    if letter.isascii() or letter in "：，。；！？":
        return letter
    narrow = unicodedata.normalize("NFKC", letter)
    return narrow if len(narrow) == 1 and narrow.isascii() else letter


def _word(name: str) -> str:
    escaped = re.escape(name)
    return rf"(?<!\w){escaped}(?!\w)" if name.isascii() else escaped


def _luhn(number: str) -> bool:
    """Whether a card number's last digit fits the others, so that other long numbers stay."""
    digits = [int(letter) for letter in number if letter.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(digits) >= 13 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
