# ruff: noqa: E501  (a question a line)
"""A small test of judgement: five things that somebody liked, five to choose from, one that clearly fits.

Titles only, in English and Chinese. It tells models that can choose from those that guess, not good from better.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["QUESTIONS", "SanityQuestion"]


class SanityQuestion(NamedTuple):
    locale: str
    liked: tuple[str, ...]
    right: str
    wrong: tuple[str, ...]

    def options(self, place: int) -> tuple[str, ...]:
        """All five, the right one at `place`."""
        return (*self.wrong[:place], self.right, *self.wrong[place:])


def _read(locale: str, lines: str) -> list[SanityQuestion]:
    """`liked, liked … | right | wrong, wrong …`, a question a line."""
    found = []
    for line in lines.strip().splitlines():
        liked, right, wrong = (part.strip() for part in line.split("|"))
        found.append(SanityQuestion(locale, _listed(liked), right, _listed(wrong)))
    return found


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";"))


ENGLISH = """
Star Wars; The Empire Strikes Back; Star Trek; Alien; Blade Runner | Return of the Jedi | Notting Hill; The Lion King; Pride and Prejudice; Chicago
Toy Story; Finding Nemo; Shrek; The Incredibles; Monsters, Inc. | Toy Story 2 | Saw; The Godfather; Se7en; Casino
The Conjuring; Saw; The Ring; The Exorcist; Halloween | A Nightmare on Elm Street | Mary Poppins; Babe; Cars; Grease
Sense and Sensibility; Emma; Pride and Prejudice; Jane Eyre; Persuasion | Wuthering Heights | RoboCop; Predator; Rambo; Speed
Goodfellas; The Godfather; Casino; Scarface; Donnie Brasco | The Godfather Part II | Bambi; Frozen; Paddington; Aladdin
Notting Hill; Love Actually; When Harry Met Sally; Pretty Woman; Sleepless in Seattle | You've Got Mail | The Thing; Aliens; Platoon; Jaws
Saving Private Ryan; Platoon; Full Metal Jacket; Dunkirk; 1917 | Apocalypse Now | Clueless; Babe; Grease; Home Alone
Batman Begins; Iron Man; The Avengers; Spider-Man; Thor | Captain America | Amadeus; Chocolat; Emma; The Piano
Chess set; Chess clock; Book of chess openings; Travel chess; Chess puzzles | Book of chess endgames | Garden hose; Face cream; Dog bed; Lipstick
Tent; Sleeping bag; Camping stove; Headlamp; Hiking boots | Trekking poles | Piano bench; Baby bottle; Nail polish; Office chair
Flour; Baking powder; Cake tin; Rolling pin; Vanilla extract | Cookie cutters | Car battery; Football boots; Printer ink; Fishing rod
Guitar strings; Guitar tuner; Capo; Guitar stand; Guitar picks | Guitar strap | Diapers; Lawn mower; Swim goggles; Cat litter
Super Mario World; Mario Kart; Donkey Kong; Yoshi's Island; Luigi's Mansion | Super Mario Galaxy | Microsoft Excel; Typing Tutor; Tax Software; Antivirus
FIFA 12; FIFA 13; FIFA 14; Pro Evolution Soccer; Football Manager | FIFA 15 | Barbie Horse Adventures; Cooking Mama; Tetris; Solitaire
Murder on the Orient Express; Death on the Nile; Sherlock Holmes; Knives Out; The Maltese Falcon | Evil Under the Sun | Bambi; Kung Fu Panda; Top Gun; Dirty Dancing
Kung Fu Panda; Enter the Dragon; Ip Man; Drunken Master; Fist of Fury | Ip Man 2 | Titanic; Amadeus; Roman Holiday; Annie Hall
"""

CHINESE = """
流浪地球; 三体; 星际穿越; 火星救援; 地心引力 | 流浪地球2 | 甄嬛传; 舌尖上的中国; 花样年华; 大话西游
射雕英雄传; 神雕侠侣; 天龙八部; 笑傲江湖; 鹿鼎记 | 倚天屠龙记 | 小猪佩奇; 速度与激情; 泰坦尼克号; 复仇者联盟
喜羊羊与灰太狼; 熊出没; 小猪佩奇; 大头儿子小头爸爸; 哪吒闹海 | 熊出没之夺宝熊兵 | 无间道; 色戒; 电锯惊魂; 教父
无间道; 英雄本色; 古惑仔; 黑社会; 毒战 | 无间道2 | 冰雪奇缘; 疯狂动物城; 功夫熊猫; 海底总动员
甄嬛传; 如懿传; 延禧攻略; 步步惊心; 芈月传 | 武则天传奇 | 变形金刚; 速度与激情; 猫和老鼠; 终结者
战狼; 红海行动; 长津湖; 集结号; 我不是药神 | 战狼2 | 小猪佩奇; 粉红女郎; 爱乐之城; 冰雪奇缘
唐人街探案; 白夜追凶; 名侦探柯南; 福尔摩斯; 沉默的真相 | 唐人街探案2 | 天线宝宝; 动物世界; 舞力全开; 美食中国
红楼梦; 西游记; 水浒传; 聊斋志异; 儒林外史 | 三国演义 | 汽车维修手册; 高等数学; 考研英语; 编程入门
围棋棋盘; 围棋子; 围棋定式大全; 围棋死活题; 围棋计时钟 | 围棋布局教程 | 口红; 猫粮; 婴儿奶瓶; 洗车水枪
帐篷; 睡袋; 登山鞋; 头灯; 露营炉具 | 登山杖 | 钢琴凳; 纸尿裤; 打印机墨盒; 指甲油
面粉; 酵母; 蛋糕模具; 擀面杖; 香草精 | 烘焙纸 | 轮胎; 足球鞋; 钓鱼竿; 显示器
羽毛球拍; 羽毛球; 羽毛球鞋; 护腕; 手胶 | 羽毛球网 | 电饭煲; 奶粉; 书架; 香水
火锅底料; 毛肚; 羊肉卷; 芝麻酱; 冻豆腐 | 火锅丸子 | 机油; 吉他弦; 泳镜; 显卡
尤克里里; 吉他; 吉他变调夹; 调音器; 吉他拨片 | 吉他背带 | 尿不湿; 除草机; 猫砂; 墨盒
你的名字; 千与千寻; 龙猫; 天空之城; 哈尔的移动城堡 | 幽灵公主 | 战狼; 新闻联播; 电锯惊魂; 黑鹰坠落
叶问; 精武门; 黄飞鸿; 少林寺; 醉拳 | 叶问2 | 泰坦尼克号; 罗马假日; 乱世佳人; 爱乐之城
"""

QUESTIONS: tuple[SanityQuestion, ...] = (*_read("en", ENGLISH), *_read("zh", CHINESE))
