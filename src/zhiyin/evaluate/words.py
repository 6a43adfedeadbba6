"""The words of the report, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from zhiyin.errors import ConfigError, nearest

__all__ = ["METRIC_WORDS", "phrase", "words"]

ENGLISH: Mapping[str, str] = {
    "title": "How good are the recommendations?",
    "lead": "{best} is best: {metric} {value}, 95 % interval {low} to {high}.",
    "lead_gain": "That is {gain} {reference}, the best floor row ({sign}{difference}, p {p}).",
    "above": "{percent} above",
    "below": "{percent} below",
    "protocol": "Protocol",
    "accuracy": "Accuracy",
    "accuracy_note": "Bars are means over users; whiskers are 95 % bootstrap intervals over users.",
    "numbers": "All numbers",
    "numbers_note": "± is half of the 95 % interval. ↓: less is better. Grey rows are floors.",
    "other_cuts": "Other cuts of the list",
    "against": "Compared with {reference}",
    "against_note": "Per user, on the same questions. p: paired sign flips, two-sided, Holm's correction "
    "over all rows.",
    "difference": "difference", "interval": "95 % interval", "won": "won", "lost": "lost", "tied": "tied",
    "history": "By length of history",
    "history_note": "Events that the user brings along. New users are on top.",
    "popularity": "By popularity of the target",
    "popularity_note": "Of the targets in a tier, how many were found? Head, mid and tail each hold a third "
    "of all events; the last two tiers have too few for behaviour to teach much.",
    "questions": "{n} questions",
    "exposure": "Who is shown?",
    "exposure_note": "Items from the least to the most shown. The further a curve hangs below the diagonal, "
    "the fewer items get all the attention.",
    "exposure_x": "share of items", "exposure_y": "share of exposure", "equal": "all alike",
    "roc": "ROC of the lists",
    "roc_note": "Everybody is shown 0, 1 … {n} items, then the rest in random order.",
    "roc_x": "share of other items shown", "roc_y": "share of targets found", "chance": "chance",
    "time": "Time",
    "time_note": "Seconds to fit on {interactions} interactions; milliseconds per answer, one after another.",
    "fit": "fit, s", "p50": "ms, median", "p99": "ms, 99 %",
    "made": "Made with",
    "floor": "floor",
    "lift": "{best} − {reference}, {metric}",
    "under": "{split}, {part}, seen {seen}, candidates {candidates}, seed {seed}, n = {n}",
}  # fmt: skip

CHINESE: Mapping[str, str] = {
    "title": "推荐效果评测",
    "lead": "{best} 效果最好：{metric} 为 {value}，95% 置信区间 {low} 至 {high}。",
    "lead_gain": "与最强基线 {reference} 相比{gain}（{sign}{difference}，p {p}）。",
    "above": "高 {percent}",
    "below": "低 {percent}",
    "protocol": "评测协议",
    "accuracy": "准确性",
    "accuracy_note": "条形为用户均值，须线为按用户自助抽样的 95% 置信区间。",
    "numbers": "全部数值",
    "numbers_note": "± 为 95% 置信区间的一半宽度；↓ 表示越低越好；灰色行为基线。",
    "other_cuts": "其他截断长度",
    "against": "与 {reference} 比较",
    "against_note": "同一批问题、逐用户比较。p：配对符号翻转检验（双侧），对所有行做 Holm 校正。",
    "difference": "差值", "interval": "95% 区间", "won": "胜", "lost": "负", "tied": "平",
    "history": "按历史长度",
    "history_note": "用户带来的事件数，新用户在最上面。",
    "popularity": "按目标物品热度",
    "popularity_note": "每一层的目标物品中找到了多少？"
    "头部、中部、尾部各占全部事件的三分之一，最后两层几乎没有行为可学。",
    "questions": "{n} 个问题",
    "exposure": "谁被展示？",
    "exposure_note": "物品按展示次数从少到多排列。曲线离对角线越远，展示越集中在少数物品上。",
    "exposure_x": "物品占比", "exposure_y": "曝光占比", "equal": "完全均匀",
    "roc": "列表的 ROC 曲线",
    "roc_note": "每位用户依次看到 0、1 … {n} 个物品，其余随机排列。",
    "roc_x": "其他物品中已展示的比例", "roc_y": "目标物品中已找到的比例", "chance": "随机",
    "time": "耗时",
    "time_note": "在 {interactions} 条交互上拟合的秒数；逐个回答的毫秒数。",
    "fit": "拟合（秒）", "p50": "毫秒，中位数", "p99": "毫秒，99%",
    "made": "生成环境",
    "floor": "基线",
    "lift": "{best} − {reference}，{metric}",
    "under": "{split}，{part}，已看物品{seen}，候选 {candidates}，种子 {seed}，n = {n}",
}  # fmt: skip

METRIC_WORDS: Mapping[str, str] = {
    "ndcg": "NDCG", "recall": "Recall", "hit": "Hit rate", "precision": "Precision", "f1": "F1",
    "mrr": "MRR", "map": "MAP", "auc": "AUC", "coverage": "Coverage", "gini": "Gini",
    "tail": "Tail share", "diversity": "Diversity", "novelty": "Novelty", "serendipity": "Serendipity",
    "rmse": "RMSE", "mae": "MAE", "rated": "Rated",
}  # fmt: skip
"""Names of the field: the same in both languages."""


CHINESE_FACTS: Mapping[str, str] = {
    "split": "划分", "part": "部分", "regime": "训练范围", "seen items": "已看物品", "candidates": "候选",
    "list length": "列表长度", "ties": "同时事件", "relevant": "相关", "users": "用户", "questions": "问题数",
    "seed": "随机种子", "validation": "验证集", "test": "测试集", "filtered": "过滤", "allowed": "不过滤",
    "T: fitted without the validation events": "T：不含验证事件",
    "T+V: fitted on training and validation events": "T+V：训练加验证事件",
    "fitted without the validation events, which are the targets": "不含验证事件（它们是目标）",
    "fitted on all that the split leaves to fit": "划分后留下的全部数据",
    "full: every item of the catalogue": "全量：目录中的每个物品",
    "cold: only the items hidden from every fit": "冷启动：只含训练时隐藏的物品",
    "file order, stable sorts": "按文件顺序，稳定排序",
    "every target": "每个目标", "all": "全部",
    "head": "头部", "mid": "中部", "tail": "尾部", "1-4 events": "1-4 个事件", "cold (0)": "冷启动（0）",
    "named, with their history": "带用户标识和历史",
    "unnamed, with their history": "匿名，只带历史",
}  # fmt: skip


def phrase(text: str, texts: Mapping[str, str]) -> str:
    """A word or value of a protocol in the language of `texts`; what has no translation stays as it is."""
    return CHINESE_FACTS.get(text, text) if texts is CHINESE else text


def words(locale: str) -> Mapping[str, str]:
    """The words of a locale: "en", "zh", or longer tags that begin so."""
    language = locale.replace("_", "-").split("-")[0].lower()
    tables = {"en": ENGLISH, "zh": CHINESE}
    if language not in tables:
        raise ConfigError(f"no report in {locale!r}: {nearest(language, tables)}")
    return tables[language]
