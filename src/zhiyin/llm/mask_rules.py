"""What names, mails, phones, numbers and addresses of people look like, in English and in Chinese."""

from __future__ import annotations

import re

__all__ = ["RULES"]

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢"
    "姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
    "康易常温文庞樊兰殷施洪翟安颜倪牛俞章鲁葛柯岳詹左关焦柳祝项舒凌毕霍裴聂冼仇褚卫尤管甘欧阮简盛娄"
)
TWICE = (
    "欧阳|诸葛|司马|上官|皇甫|令狐|慕容|司徒|夏侯|公孙|尉迟|长孙|宇文|端木|独孤|南宫|西门|东方|轩辕|呼延|赫连|"
    "申屠|淳于|钟离|司空|闻人|澹台|公冶|宗政|濮阳|太史|仲孙|鲜于|拓跋|百里|东郭|南门|第五"
)
HAN = "\u4e00-\u9fff"
CHINESE_NAME = (
    rf"(?:(?:{TWICE})[{HAN}]{{1,2}}?|[{SURNAMES}][{HAN}·]{{1,3}}?|[小阿老大][{HAN}]{{1,2}}?|([{HAN}])\2)"
)
ENDS = (
    r"[,，。.;；!！?？~～\s、（(]|$|今年|来自|是|喜欢|想|住|我|在|要|和|请|推荐|给|希望|爱|有|从|最近|平时|电话|手机|"
    r"身份证|邮箱|微信|今天|吧|就|，"
)
GLAD = "(?!高兴|万分|安心|温暖|金|大家|大为|大吃|老是|老想|小心)"
"""Feelings and adverbs that begin as a name does: 叫我高兴."""
UPPER, LETTER = "A-ZÀ-ÖØ-Þ", "A-Za-zÀ-ÖØ-öø-ÿ'’-"
WORD = rf"[{UPPER}][{LETTER}]+"
ENGLISH_NAME = (
    rf"(?:[{UPPER}]\. ?){{0,3}}{WORD}"
    rf"(?: (?:(?:de|del|da|van|von|der|bin|al|la) ){{0,2}}(?:[{UPPER}]\.|{WORD})){{0,3}}"
)
NO_NAME = (
    "(?!(?:a|about|already|also|am|an|and|any|are|as|at|because|bit|but|by|can|could|do|for|from|give|have|hello|hey|"
    "hi|how|i|if|im|in|interested|into|is|it|just|like|living|live|looking|love|me|my|need|no|not|of|on|or|please|"
    "recommend|show|so|some|something|suggest|thanks|thank|that|the|then|there|this|to|up|want|watch|we|what|who|"
    r"will|with|would|you|your|years?)\b)"
)
PLAIN_NAME = rf"{NO_NAME}[a-z]{{2,20}}(?: {NO_NAME}[a-z]{{2,20}}(?=[,.;!?\n]|$| (?!{NO_NAME})))?"
"""In small letters; a second word counts where the sentence, or what can be a name, ends behind it."""
NO_PERSON = (
    "(?!Not|Still|No|All|Thinking|Gonna|Going|So|Your|Number|The|Losing|Dancing|Starving|Really|Just|Very)"
)
BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
PLACE = rf"[{HAN}]{{1,12}}?"
RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("MAIL", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")),
    ("ID", re.compile(
        r"(?<!\d)\d{6}[ -]?(?:19|20)\d{2}[ -]?(?:0\d|1[0-2])[ -]?[0-3]\d[ -]?\d{3}[\dXx](?!\d)"
    )),
    ("ID", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")),
    ("ID", re.compile(
        r"(?i)(?:passport(?: (?:no|number|is))?[.:： ]{1,3}|护照(?:号码?)?[是为]?[.:： ]{0,3})"
        r"([A-Z]{1,2}\d{6,9})(?!\d)"
    )),
    ("IBAN", re.compile(
        r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])"
    )),
    ("CARD", re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")),
    ("PHONE", re.compile(r"(?<![\d+])(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)")),
    ("PHONE", re.compile(r"(?<![\d.])\+\d{1,3}[ -]?(?:\(\d{1,4}\)[ -]?)?\d(?:[ -]?\d){5,12}(?!\d)")),
    ("PHONE", re.compile(r"(?<![\d.])(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?!\d)")),
    ("PHONE", re.compile(r"(?<![\d.])[2-9]\d{2} \d{3} \d{4}(?![\d.])")),
    ("PHONE", re.compile(r"(?<![\d.])0[1-9]\d{1,3} \d{3,4} \d{3,4}(?![\d.])")),
    ("PHONE", re.compile(r"(?<!\d)(?:\(0\d{2,3}\)[ -]?|0\d{2,3}[ -])\d{7,8}(?!\d)")),
    ("PHONE", re.compile(r"(?<![\d.])0(?:(?:10|2\d)\d{8}|[3-9]\d{2}\d{7})(?![\d.])")),
    ("PHONE", re.compile(
        r"(?i)(?:(?:tel|phone|mobile|(?:call|ring|text|reach)(?: me)?(?: at| on)?)"
        r"(?: number)?(?: is)?[.:： ]{1,3}|(?:电话|手机|联系方式)(?:号码?)?[是为]?[.:： ]{0,3})"
        r"(\d(?:[ -]?\d){6,13})(?!\d)"
    )),
    ("ACCOUNT", re.compile(r"(?i)(?:微信号?|wechat|QQ号?)(?: id)?[.:：是 ]{1,3}([A-Z0-9_][A-Z0-9_-]{4,19})")),
    ("ACCOUNT", re.compile(r"(?i)(?:微信号?|QQ号?)((?=[a-z_-]*\d)[A-Z0-9_][A-Z0-9_-]{5,19})")),
    ("IP", re.compile(rf"(?<![\d.]){BYTE}(?:\.{BYTE}){{3}}(?![\d.])")),
    ("ADDRESS", re.compile(
        rf"(?:{PLACE}(?:省|自治区))?(?:{PLACE}[市州盟])?(?:{PLACE}[区县旗])?(?:{PLACE}(?:镇|乡|街道))?"
        rf"{PLACE}(?:路|街|巷|道|弄|胡同|大道)\d{{1,5}}(?:号|弄)(?:[{HAN}\d-]{{0,8}}?(?:室|楼|单元|栋|号|层)){{0,4}}"
    )),
    ("ADDRESS", re.compile(
        r"(?<!\d)\d{1,5} (?:[NSEW]\.? )?(?:[A-Z][a-z]+ ){1,3}"
        r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq)\b\.?"
        r"(?:,? (?:Apt|Suite|Unit|#) ?\w{1,6})?"
    )),
    ("NAME", re.compile(
        r"(?<![\w])(?:[Mm]y name(?: is|['’]s|:)|[Nn]ame is|I am called|I['’]m called|[Cc]all me|[Ss]igned,?"
        rf"|(?<![A-Za-z] )[Nn]ame:|(?:[Ff]ull|[Ff]irst|[Ll]ast) name:)\s+({ENGLISH_NAME})"
    )),
    ("NAME", re.compile(
        r"(?<![\w])(?:[Mm]y name(?: is|['’]s|:)|[Ii] am called|[Ii]['’]m called|(?<![A-Za-z] )name:"
        rf"|(?:full|first|last) name:)\s+({PLAIN_NAME})"
    )),
    ("NAME", re.compile(
        rf"(?<![\w])(?:[Ii]['’]m|[Ii] am) ({NO_PERSON}{WORD} {WORD})(?=[,.;!?\n]|$| and | from | here| I )"
    )),
    ("NAME", re.compile(
        rf"(?<![\w])[Tt]his is ({ENGLISH_NAME})(?= speaking| here)"
    )),
    ("NAME", re.compile(
        r"(?:我叫|我的名字[是叫]|姓名[:： ]|名字[:： ]|收件人[:： ]?|联系人[:： ]?|署名[:： ])\s?"
        rf"({CHINESE_NAME})(?={ENDS})"
    )),
    ("NAME", re.compile(
        r"(?:^|[,，。.;；!！?？\s、]|请|可以|大家都?|朋友们?|同事们?|都)(?:就)?叫我\s?"
        rf"({GLAD}{CHINESE_NAME})(?={ENDS})"
    )),
)  # fmt: skip
"""In order; what one rule took, no later one sees. A rule with a group masks only its first group."""
