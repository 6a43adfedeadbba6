"""From two files to live recommendations in Python. Run it anywhere: it makes its own shop."""

from __future__ import annotations

from make_shop import write_shop

from zhiyin import Interaction, Item, Recommender, import_events

write_shop("shop-files")
imported = import_events("shop-files/events.csv", items="shop-files/items.csv", errors="drop")
print(imported.report)

recommender = Recommender.default(imported.dataset).fit(imported.dataset)
print(recommender.recommend("c001", n=5))

# An event changes the next answer; nothing is trained again.
recommender.update(Interaction("c001", "tea-4", kind="purchase"))
print(recommender.recommend("c001", n=5))

# Somebody nobody knows, with two clicks; and somebody with nothing but words, in Chinese.
print(recommender.recommend(history=["hiking-1", "hiking-2"], n=5))
print(recommender.recommend(words="泡咖啡用的东西", locale="zh", n=5))

# A new item is recommendable at once, from its words alone.
recommender.add_items([Item("tea-11", "Matcha whisk", "bamboo whisk for green tea", {"department": "tea"})])
print(recommender.similar("tea-11", n=5))

print(recommender.trace("c001", n=3).stages)
recommender.save("shop-artefact")
assert Recommender.load("shop-artefact").recommend("c002")[0] == recommender.recommend("c002")[0]
