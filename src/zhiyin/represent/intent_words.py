"""The words that people ask with, in English and Chinese: what is named, what is meant, how it is turned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from zhiyin.represent.units import key_of

__all__ = ["CUES", "MOODS", "NUMBER_ROLES", "Concept", "concepts", "cues", "spoken_roles"]


@dataclass(frozen=True, slots=True)
class Concept:
    """One meaning: how catalogues name it, and how people ask for it without naming it."""

    name: str
    names: tuple[str, ...]
    asks: tuple[str, ...] = ()


def _concept(name: str, names: str, asks: str = "") -> Concept:
    return Concept(name, tuple(names.split("|")), tuple(filter(None, asks.split("|"))))


CONCEPTS: tuple[Concept, ...] = (
    _concept("comedy",
             "comedy|comedies|喜剧|喜剧片",
             "funny|hilarious|humorous|humor|humour|witty|makes me laugh|laugh|laughing|cheer me up"
             "|light hearted|lighthearted|搞笑|好笑|幽默|爆笑|轻松|欢乐|逗"),
    _concept("drama", "drama|dramatic|剧情|剧情片|戏剧", "moving|touching|感人|催泪"),
    _concept("action", "action|动作|动作片|武打", "explosive|fights|fighting|打斗|打戏|热血"),
    _concept("adventure", "adventure|adventures|冒险|冒险片|探险", "quest|treasure hunt|寻宝"),
    _concept("animation", "animation|animated|anime|cartoon|cartoons|动画|动画片|动漫|卡通"),
    _concept("children",
             "children|childrens|kids|kid|family|儿童|少儿|亲子|家庭|孩子|小孩|小朋友",
             "child|toddler|whole family|son|daughter|宝宝|全家"),
    _concept("crime", "crime|gangster|犯罪|犯罪片|黑帮", "mafia|heist|robbery|警匪"),
    _concept("thriller",
             "thriller|thrillers|suspense|惊悚|惊悚片|悬疑",
             "suspenseful|edge of my seat|tense|gripping|nail biting|紧张|刺激"),
    _concept("horror",
             "horror|horrors|恐怖|恐怖片|鬼片|惊恐",
             "scary|frightening|terrifying|creepy|ghost|吓人|可怕"),
    _concept("mystery", "mystery|mysteries|detective|whodunit|悬疑|悬疑片|推理|侦探", "puzzle|烧脑"),
    _concept("romance",
             "romance|romantic|rom com|romcom|love story|爱情|爱情片|言情|浪漫",
             "date night|恋爱|约会"),
    _concept("scifi",
             "sci fi|scifi|science fiction|sf|科幻|科幻片",
             "space|aliens|futuristic|robots|太空|宇宙|未来世界"),
    _concept("fantasy",
             "fantasy|奇幻|奇幻片|魔幻|玄幻",
             "magic|magical|wizards|dragons|fairy tale|魔法|童话"),
    _concept("war", "war|war film|战争|战争片|军事", "battle|soldiers|world war|打仗"),
    _concept("western", "western|westerns|西部|西部片", "cowboy|cowboys|牛仔"),
    _concept("musical", "musical|musicals|歌舞|歌舞片|音乐剧", "singing|唱歌"),
    _concept("music", "music|音乐"),
    _concept("documentary", "documentary|documentaries|纪录|纪录片", "true facts|真实记录"),
    _concept("noir", "film noir|noir|黑色电影", "dark detective"),
    _concept("history", "history|historical|历史|历史片|古装", "period piece|costume drama"),
    _concept("biography", "biography|biographical|biopic|传记", "true story|真人真事"),
    _concept("sport", "sport|sports|运动|体育", "athletic"),
    _concept("martial", "martial arts|kung fu|wuxia|武侠|功夫"),
    _concept("news", "news|新闻|资讯"),
    _concept("politics", "politics|political|政治|时政"),
    _concept("finance", "finance|business|money|财经|金融|商业"),
    _concept("technology", "technology|tech|electronics|科技|数码|电子"),
    _concept("health", "health|fitness|wellness|健康|养生"),
    _concept("travel", "travel|旅游|旅行"),
    _concept("food", "food|food and drink|foodanddrink|cooking|美食|食品|烹饪"),
    _concept("game", "game|games|gaming|游戏"),
    _concept("toy", "toy|toys|玩具", "playful"),
    _concept("book", "book|books|图书|书籍|书"),
    _concept("beauty", "beauty|makeup|skincare|美妆|护肤|化妆品"),
    _concept("clothing", "clothing|clothes|fashion|apparel|服装|衣服|服饰|时尚"),
    _concept("rock", "rock|摇滚"),
    _concept("pop", "pop|流行"),
    _concept("jazz", "jazz|爵士"),
    _concept("classical", "classical|古典"),
    _concept("electronic", "electronic|edm|电子音乐"),
    _concept("hiphop", "hip hop|hiphop|rap|嘻哈|说唱"),
    _concept("folk", "folk|民谣"),
    _concept("china", "china|chinese|中国|中国大陆|大陆|国产|华语"),
    _concept("america", "usa|us|american|美国"),
    _concept("japan", "japan|japanese|日本|日语"),
    _concept("korea", "korea|korean|韩国|韩语"),
    _concept("france", "france|french|法国|法语"),
    _concept("britain", "uk|british|英国"),
    _concept("hongkong", "hong kong|中国香港|香港|港片"),
    _concept("india", "india|indian|bollywood|印度"),
)  # fmt: skip

MOODS: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "happy": (
        "feel good|feelgood|uplifting|cheerful|happy|heartwarming|heart warming|cosy|cozy|温馨|治愈"
        "|暖心|开心",
        ("comedy", "romance", "children", "musical"),
        ("horror", "war"),
    ),
    "sad": (
        "sad|tearjerker|tear jerker|melancholic|heartbreaking|悲伤|伤感|催泪|虐心",
        ("drama", "romance"),
        ("comedy",),
    ),
    "relaxed": (
        "relaxing|relaxed|calm|easy watching|easygoing|quiet|放松|轻松|安静|下饭",
        ("comedy", "romance"),
        ("horror", "thriller", "war"),
    ),
    "thoughtful": (
        "thought provoking|thoughtful|serious|deep|intelligent|有深度|发人深省|严肃|深刻",
        ("drama", "documentary", "mystery"),
        (),
    ),
    "exciting": (
        "exciting|thrilling|fast paced|adrenaline|action packed|刺激|过瘾|燃|紧张",
        ("action", "adventure", "thriller"),
        (),
    ),
    "dark": (
        "dark|gritty|bleak|disturbing|violent|violence|gory|gore|bloody|brutal|黑暗|暴力|血腥|压抑|重口",
        ("horror", "crime", "thriller", "war", "noir", "action"),
        ("children", "comedy"),
    ),
}  # fmt: skip
"""Mood -> the words for it, the concepts that often have it, and those that seldom do."""

DISLIKED = (
    "hate|hated|dislike|disliked|detest|loathe|sick of|tired of|can't stand|don't like|do not like"
    "|didn't like|did not like|didn't love|didn't enjoy|didn't really like|didn't care for|not a fan of"
    "|wasn't a fan of|no fan of|unlike|讨厌|不喜欢|不爱|不爱看|不像"
)

CUES: Mapping[str, str] = {
    "not": (
        "no|not|without|nothing|isn't|aren't|don't|doesn't|never|except|avoid|non|nor|neither|excluding"
        "|other than|anything but|don't want|不要|不想看|不想要|不想|不是|别|别给我|除了|没有|拒绝|无|非|不看"
        f"|不含|不带|不包括|{DISLIKED}"
    ),
    "disliked": DISLIKED,
    "out": (
        "excluded|not wanted|not my thing|not for me|isn't for me|aren't for me|not my cup of tea"
        "|不行|除外|不考虑|算了|就算了|免了|免谈|别推荐"
    ),
    "free": "free",
    "less": (
        "less|not too|not so|not very|not that|fewer|别太|不要太|不太|少一点|少点|少一些|不那么|没那么"
        "|没有那么|不要那么|不怎么|不是很|不会太|不算"
    ),
    "like": (
        "like|similar to|similar|in the style of|in the vein of|reminds me of|same as"
        "|along the lines of|such as|love|loved|enjoy|enjoyed|liked|fan of|fans of|as good as|more of"
        "|favorite is|favourite is|像|类似|类似于|如同|喜欢|爱看|看过|跟|和|同"
    ),
    "but": "but|however|though|instead|rather|但|但是|不过|可是|而是|要",
    "fresh": (
        "new|newer|newest|latest|recent|recently|brand new|just out|just released|this year|今年"
        "|up to date|new release|new releases|最新|最近|新|新出|新上|新片|新的|新品|近期|新上架|新一点"
        "|更新|更新的"
    ),
    "old": (
        "old|older|oldest|classic|classics|vintage|old school|golden age|retro|老|老的|旧|经典|怀旧"
        "|老片|老电影|早期"
    ),
    "popular": (
        "popular|trending|well known|famous|everyone is watching|mainstream|blockbuster"
        "|blockbusters|best selling|bestseller|bestsellers|热门|流行的|火|火爆|大片|受欢迎"
        "|热播|畅销|人气"
    ),
    "niche": (
        "obscure|underrated|hidden gem|hidden gems|little known|unknown|lesser known|niche|indie|cult"
        "|off the beaten track|冷门|小众|冷僻|被低估|不知名"
    ),
    "good": (
        "best|good|great|excellent|top rated|highly rated|well rated|top|acclaimed|award winning"
        "|high quality|must see|masterpiece|masterpieces|critically acclaimed|好看|高分|评分高|高评分"
        "|口碑好|口碑|优秀|佳作|最好|好评|经典好|质量好|不错|好"
    ),
    "cheap": (
        "cheap|cheaper|inexpensive|affordable|low cost|low priced|bargain|budget friendly|便宜|便宜的|便宜点"
        "|便宜一点|更便宜|实惠|平价|廉价|不贵|不贵的|不太贵|不太贵的|别太贵|不要太贵"
    ),
    "dear": "expensive|pricey|luxury|luxurious|high end|upscale|昂贵|贵|贵的|高端|高档|奢华",
    "keep": (
        "new york|new zealand|new orleans|new england|new jersey|new mexico|new wave|good night|hot dog"
    ),
    "and": "and|or|nor|和|或|或者|以及|与|及|跟",
    "skip": (
        "a|an|the|some|something|any|anything|me|my|i|i'd|i'm|i'll|im|we|us|our|you|your|please|want"
        "|wants|wanted|need|looking|look|find|show|give|get|recommend|recommendation|recommendations"
        "|suggest|suggestion|suggestions|for|to|of|in|on|at|with|that|which|is|are|was|be|been|and|or"
        "|would|could|can|should|watch|watching|see|seeing|read|reading|buy|buying|listen|film|films"
        "|movie|movies|item|items|product|products|thing|things|stuff|one|ones|it|set|made|from|by"
        "|about|maybe|really|very|bit|lot|kind|sort|type|style|more|most|too|also|feel|feeling|mood"
        "|in the mood|tonight|today|now|right now|gift|present|hi|hello|hey|ok|okay|yes|thanks|thank"
        "|there|this|these|those|what|do|did|does|have|has|had|so|if|as|than|just|them|they|other"
        "|another|who|am|will|let|go|going|how|know|think|推荐|给我|给|我|我要|我想|想要|想看|想|要|看"
        "|找|来|来点|来一部|来个|请|一些|一点|一部|一个|几部|几个|有没有|有|什么|哪些|的|片|片子|电影"
        "|影片|剧|吧|吗|呢|了|是|在|适合|关于|好吗|一下|和|或|或者|以及|与|及|东西|商品|礼物|送|送给|最"
        "|比较|更|更加|很|非常|那种|这种|类型|风格|方面|些|部|个|本|首|件|款|点|谢谢|你好|以外|之外|外|一样"
        "|差不多|的话|今晚|今天|适合的|可以|能|能不能|都|也|还|再|这|那|年代|年|岁|年级|那样|这样|就"
        "|never seen|never watched|haven't seen|haven't watched|have not seen|没看过|没有看过"
        "|多来|多来点|多来一些|多来几个"
    ),
}  # fmt: skip
"""Cue -> the phrases for it. `skip` words name nothing; `keep` phrases hold what would be other cues;
`disliked` ones are a "not" before a title, `out` ones a "not" behind, `free` one at once behind."""

ROLE_WORDS = {
    "price": "price|cost|amount|pricing|价格|价钱|售价|单价",
    "year": "year|release year|released|publication year|published|release date|date|年份|年|上映年份|出版年",
    "rating": "rating|score|star|average rating|avg rating|评分|分数|星级",
    "age": "age|min age|minimum age|age from|recommended age|年龄|适合年龄|最小年龄",
    "minutes": "runtime|duration|minute|length|running time|时长|片长|分钟",
    "pages": "page|页数",
}
NUMBER_ROLES: Mapping[str, frozenset[str]] = {
    role: frozenset(map(key_of, phrases.split("|"))) for role, phrases in ROLE_WORDS.items()
}
"""What a number attribute is about, by the names that it has in catalogues (as `key_of` gives them)."""

SPOKEN_ROLES = {
    "price": "priced|costing|costs|spend|spending|pay|paying|budget|预算|价位",
    "rating": "rated|scored|scores|打分|得分",
    "minutes": "lasting|running|runs",
    "year": "made|上映|拍摄|出品",
}
"""More words for what a number is about, that are no names of attributes."""


@cache
def spoken_roles() -> Mapping[str, str]:
    """Phrase in units -> price, year, rating …"""
    return {
        key_of(phrase): role
        for words in (ROLE_WORDS, SPOKEN_ROLES)
        for role, phrases in words.items()
        for phrase in phrases.split("|")
    }


@cache
def cues() -> Mapping[str, tuple[str, ...]]:
    """Phrase in units -> the cues that it gives."""
    found: dict[str, tuple[str, ...]] = {}
    for cue, phrases in CUES.items():
        for phrase in phrases.split("|"):
            for key in dict.fromkeys((key_of(phrase), key_of(phrase.replace("n't", "nt")))):
                found[key] = (*found.get(key, ()), cue)
    return found


@cache
def concepts() -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    """Phrase in units -> the concepts that it names; the same for those that it only asks for."""
    named: dict[str, tuple[str, ...]] = {}
    asked: dict[str, tuple[str, ...]] = {}
    for concept in CONCEPTS:
        for phrases, table in ((concept.names, named), (concept.asks, asked)):
            for phrase in phrases:
                table[key_of(phrase)] = (*table.get(key_of(phrase), ()), concept.name)
    return named, asked
