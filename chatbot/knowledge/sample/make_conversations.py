# mypy: ignore-errors
"""Writes `conversations.jsonl` from the hand-written questions, answers and scenes in `scripts/`.

Seeded, so that running it again changes nothing. It is never imported by the product: it is run by hand, and its
result is committed. `sample_conversations.py` loads that.

    python chatbot/knowledge/sample/make_conversations.py
"""

import json
import re
import sys
from pathlib import Path
from random import Random

from rapidfuzz.distance import Levenshtein
from script_files import SCRIPTS, facts, scenes

from finetune.courtesy import without_courtesies

HERE = Path(__file__).resolve().parent
LIGHT_EDIT = 0.25  # as in chatbot/conversations/drafts/suggestions.py
TYPOS = {"the": "teh", "about": "abuot", "please": "plese", "shipping": "shiping", "really": "realy", "which": "wich"}
SURE = {"unchanged": 0.82, "light": 0.72, "rewrite": 0.5, "dismissed": 0.36, "ignored": 0.46}
SIGNED = 0.95
"""Share of the replies that an agent has touched that end as this team ends its messages."""
AGENTS = {"en": ["jonas", "amara", "agent"], "zh": ["mei"]}
SHOWN = {"jonas": "Jonas", "amara": "Amara", "agent": "Alex", "mei": "梅"}
WORDS = json.loads((SCRIPTS / "phrases.json").read_text(encoding="utf-8"))


class Maker:
    def __init__(self, seed):
        self.rng = Random(seed)  # noqa: S311 - variety, not secrets
        self.made, self.seen, self.people = [], set(), []
        self.facts = {lang: list(facts(lang)) for lang in ("en", "zh")}
        self.scenes = {lang: list(scenes(lang)) for lang in ("en", "zh")}
        texts = {path: path.read_text(encoding="utf-8") for path in sorted(HERE.rglob("documents/**/*.md"))}
        named = {str(path.relative_to(HERE)): text for path, text in texts.items() if "archive" not in path.parts}
        self.documents = {
            "en": {name: text for name, text in named.items() if "/zh/" not in name},
            "zh": {name: text for name, text in named.items() if "/zh/" in name},
        }

    # --- words ---------------------------------------------------------------------------------------
    def spin(self, text):
        while found := re.search(r"\{([^{}]*\|[^{}]*)\}", text):
            text = text[: found.start()] + self.rng.choice(found[1].split("|")) + text[found.end() :]
        return " ".join(text.split())

    def slip(self, text, lang):
        """What a hurried thumb does to a sentence."""
        if lang == "zh" or self.rng.random() > 0.3:
            return text
        words = text.split(" ")
        match self.rng.choice(["lower", "typo", "swap", "marks"]):
            case "lower":
                return text[:1].lower() + text[1:].rstrip(".")
            case "typo":
                return " ".join(TYPOS.get(word, word) for word in words)
            case "swap":
                at = self.rng.randrange(len(words))
                word = words[at]
                if len(word) > 5 and word.isalpha():
                    cut = self.rng.randrange(1, len(word) - 2)
                    words[at] = word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
                return " ".join(words)
        return text + self.rng.choice(["?", "!", "...", ""])

    def join(self, first, second):
        return first + second if self.lang == "zh" else f"{first} {second}"

    def some(self, lang, name):
        return self.spin(self.rng.choice(WORDS[lang][name]))

    def person(self, lang, index):
        """Customers come back: a name is used for one to four conversations."""
        returning = [one for one in self.people if one["lang"] == lang and one["left"] > 0]
        if returning and self.rng.random() < 0.4:
            person = self.rng.choice(returning)
        else:
            person = self.new_person(lang, index)
            self.people.append(person)
        person["left"] -= 1
        return person

    def new_person(self, lang, index):
        names, left = WORDS[lang], self.rng.choice([0, 0, 1, 1, 2, 3])
        person = {"lang": lang, "left": left + 1, "contact": {"id": f"demo-customer-{len(self.people) + 1:03d}"}}
        first = self.rng.choice(names["first"])
        person["first"] = first
        if self.rng.random() < 0.22 and not left:
            return person | {"first": ""}
        last = self.rng.choice(names["last"])
        name = last + first if lang == "zh" else f"{first} {last}"
        mail = f"{self.rng.choice(names['mail'])}{len(self.people) + 1}@customer.example"
        level = self.rng.choice(["Fledgling", "Fledgling", "Wren", "Heron"])
        person["contact"] |= {"name": name, "email": mail}
        if self.rng.random() < 0.6:
            person["contact"]["context"] = {
                "country": self.rng.choice(names["country"]),
                "nest_level": level,
                "orders": self.rng.randrange(0, 14),
            }
        return person

    # --- one conversation ------------------------------------------------------------------------------
    def begin(self, lang, kind, topic):
        self.lang, self.at, self.rows, self.notes, self.drafts = lang, 0, [], [], []
        who = self.person(lang, len(self.made))
        self.order = f"FW{self.rng.randrange(10_000_000, 99_999_999)}"
        self.names = {"name": who["first"] or ("您" if lang == "zh" else "there"), "order": self.order}
        self.names["rt"] = f"RT{self.rng.randrange(100_000, 999_999)}"
        self.agent = self.rng.choice(AGENTS[lang])
        self.names["other"] = self.rng.choice([one for one in ("jonas", "amara", "mei", "agent") if one != self.agent])
        self.record = {
            "conversation_id": f"demo-{len(self.made) + 1:03d}",
            "kind": kind,
            "lang": lang,
            "topic": topic,
            "state": "resolved",
            "contact": who["contact"],
        }

    def fill(self, text):
        return self.spin(re.sub(r"\{(name|order|rt|other)\}", lambda found: self.names[found[1]], text))

    def say(self, role, text, wait, **more):
        self.at += self.rng.randrange(*wait)
        self.rows.append({"id": str(len(self.rows) + 1), "role": role, "text": text, "at": self.at} | more)
        return self.rows[-1]

    def customer(self, text, wait=(15, 130)):
        if not self.rows and self.rng.random() < 0.45:
            text = self.join(self.some(self.lang, "open"), text)
        return self.say("customer", self.slip(self.fill(text), self.lang), wait)

    def bot(self, text, document, quotes, confidence=None):
        answer = self.rng.betavariate(7, 2) * 0.45 + 0.52 if confidence is None else confidence
        cited = [{"number": n, "document": document, "quote": quote} for n, quote in enumerate(quotes, 1)]
        marks = "".join(f"[{one['number']}]" for one in cited)
        text = text.strip()
        text = f"{text[:-1]} {marks}." if text.endswith(".") else f"{text} {marks}"
        row = self.say("bot", text, (2, 7), citations=cited)
        row["answer"] = {"decision": "answer", "confidence": round(answer, 2), "engine": "extractive"}
        if self.rng.random() < 0.3:
            row["thumb"] = 1 if self.rng.random() < answer + 0.1 else -1
        return row

    def abstain(self, text=None):
        row = self.say("bot", text or self.some(self.lang, "abstain"), (2, 7), kind="abstain", offer_person=True)
        confidence = round(self.rng.uniform(0.05, 0.32), 2)
        row["answer"] = {"decision": "abstain", "confidence": confidence, "engine": "extractive"}
        return row

    def handoff(self, reason, summary):
        self.say("notice", WORDS[self.lang]["handoff"], (1, 3), kind="handoff")
        self.record |= {"handoff_reason": reason, "handoff_summary": summary, "handed_over": self.at}
        self.record["waits_from"] = self.at

    def come(self):
        self.at += self.rng.randrange(45, 520)
        self.say("notice", WORDS[self.lang]["joined"].format(name=SHOWN[self.agent]), (1, 3), kind="state")
        self.record |= {"assignee": self.agent, "taken": self.at}

    def reply(self, text):
        return self.say("agent", self.fill(text), (35, 200), author=self.agent)

    def signed(self, text):
        return self.join(text, WORDS[self.lang]["ending"]) if self.rng.random() < SIGNED else text

    def close(self):
        self.say("notice", WORDS[self.lang]["closed"], (60, 1500), kind="state")
        self.record["resolved_after"] = self.at

    def draft(self, trigger, text, *, sent=None, outcome="", reason="", fact=None):
        """A suggestion for the customer's message, and what became of it."""
        if sent is not None and outcome not in ("dismissed", "ignored"):
            distance = Levenshtein.normalized_distance(without_courtesies(text), without_courtesies(sent["text"]))
            outcome = (
                "unchanged"
                if text.strip() == sent["text"].strip()
                else "light"
                if distance <= LIGHT_EDIT
                else "rewrite"
            )
        middle = {"unchanged": 0.82, "light": 0.72, "rewrite": 0.5, "dismissed": 0.36, "ignored": 0.46}.get(
            outcome, 0.68
        )
        confidence = round(min(0.98, max(0.08, self.rng.gauss(middle, 0.1))), 2)
        created = trigger["at"] + self.rng.randrange(2, 6)
        draft = {
            "trigger": trigger["id"],
            "text": text,
            "outcome": outcome,
            "confidence": confidence,
            "decision": "answer",
            "engine": "extractive",
            "topic": self.record["topic"],
            "purpose": self.rng.choices(["assist", "unsure", "review"], [7, 1.6, 1.4])[0],
            "at": created,
            "ready": created + self.rng.randrange(1, 4),
        }
        if fact := fact or self.source_of(text):
            draft["citations"] = [{"number": 1, "document": fact[0], "quote": fact[1]}]
        if sent is None:
            draft["state"] = "ready"
        else:
            draft |= {"agent": self.agent, "decided": sent["at"]}
            draft["shown"] = max(draft["ready"], sent["at"] - self.rng.randrange(15, 120))
            if outcome in ("unchanged", "light", "rewrite"):
                draft |= {"sent": sent["id"], "edit_distance": round(distance, 4), "inserted": draft["shown"] + 4}
            if outcome == "dismissed":
                draft |= {"dismiss_reason": reason, "decided": draft["shown"] + 8}
        self.drafts.append({name: value for name, value in draft.items() if value != ""})

    def source_of(self, text):
        """The document and the sentence of it that a draft was taken from."""
        for sentence in sorted(re.split(r"(?<=[.。])\s*", text), key=len, reverse=True):
            stem = sentence.rstrip(".。")
            for document, whole in self.documents[self.lang].items():
                if len(stem) > 8 and stem in whole:
                    return document, stem
        return None

    def finish(self, **more):
        """Keep it unless there is one like it."""
        looks = tuple((row["role"], re.sub(r"\W|FW\d+|RT\d+", "", row["text"].casefold())) for row in self.rows[:6])
        heard = tuple(text for role, text in looks if role == "customer")
        if heard in self.seen:
            return False
        self.seen.add(heard)
        self.record |= {"messages": self.rows, "notes": self.notes, "suggestions": self.drafts} | more
        self.made.append({name: value for name, value in self.record.items() if value not in ([], "", None)})
        return True

    # --- when, where, how it was ------------------------------------------------------------------------
    def past(self):
        hour = self.rng.choices(range(8, 18), [3, 5, 7, 7, 5, 6, 6, 5, 4, 3])[0]
        day = min(56, max(2, int(self.rng.triangular(2, 56, 8))))
        return {"day": day, "clock": f"{hour:02d}:{self.rng.randrange(60):02d}"}

    def visited(self):
        pages = self.rng.sample(WORDS[self.lang]["pages"], self.rng.randrange(1, 4))
        return {"page_url": f"https://fellwren.example{pages[0][0]}", "pages": pages}

    def rate(self, mood):
        """Asked after every resolution; a good half answers."""
        if self.rng.random() > 0.58:
            return {}
        weights = {"good": [1, 1, 3, 9, 16], "bad": [5, 5, 5, 4, 2], "bot": [1, 2, 3, 8, 9]}[mood]
        value = self.rng.choices([1, 2, 3, 4, 5], weights)[0]
        rating = {"value": value, "after": self.rng.randrange(30, 900)}
        if self.rng.random() < 0.55:
            rating["comment"] = self.some(self.lang, f"rated{value}")
        return rating

    # --- the kinds ----------------------------------------------------------------------------------------
    def ask(self, fact):
        self.customer(self.rng.choice(fact.questions), (4, 140) if self.rows else (0, 1))
        self.bot(fact.answer, fact.document, fact.quotes)
        if fact.follow and self.rng.random() < 0.6:
            self.customer(self.rng.choice(fact.follow))
            self.bot(fact.follow_answer, fact.document, [fact.follow_quote])

    def answered(self, lang):
        first = self.rng.choice(self.facts[lang])
        self.begin(lang, "answered", first.topic)
        if self.rng.random() < 0.15:
            self.customer(self.some(lang, "hello"), (0, 1))
            self.say("bot", WORDS[lang]["greeting"], (1, 4))
        self.ask(first)
        near = [one for one in self.facts[lang] if one is not first and one.topic == first.topic]
        for other in self.rng.sample(near, min(len(near), self.rng.choice([0, 0, 0, 1, 1, 2]))):
            self.ask(other)
        if self.rng.random() < 0.5:
            self.customer(self.some(lang, "thanks"))
            self.say("bot", self.some(lang, "welcome"), (1, 4))
        rating = self.rate("bot")
        if self.rng.random() < 0.75:
            self.close()
            return self.finish(**self.past(), **self.visited(), rating=rating)
        return self.finish(**self.past(), **self.visited(), state="bot")

    def abstained(self, lang):
        self.begin(lang, "abstained", "other")
        question = self.rng.choice(WORDS[lang]["unanswerable"])
        if self.rng.random() < 0.4:
            self.ask(self.rng.choice(self.facts[lang]))
        self.customer(question)
        self.abstain()
        if self.rng.random() < 0.6:
            self.customer(self.some(lang, "declined"))
            self.say("bot", self.some(lang, "welcome"), (1, 4))
        return self.finish(**self.past(), **self.visited(), state=self.rng.choice(["bot", "resolved"]))

    def act(self, scene, *, until=None):
        """Play a scene's lines, up to the handoff ("wait") or to the customer's next question ("agent")."""
        waiting, last = None, None
        for place, (mark, text) in enumerate(scene.lines):
            kind, _, reason = mark.partition("!")
            if kind == "c":
                last = self.customer(text, (0, 1) if not self.rows else (20, 150))
            elif kind == "b":
                said, where = text.split(" ^")
                self.bot(said, where.split("|", 1)[0], [where.split("|", 1)[1]], self.rng.uniform(0.45, 0.8))
            elif kind == "x":
                self.abstain(text)
            elif kind == "h":
                self.handoff(scene.reason, scene.summary)
                if until == "wait":
                    coming = next(text for mark, text in scene.lines[place:] if mark[0] == "d")
                    self.draft(last, self.fill(coming))
                    return
                self.come()
            elif kind in ("d", "d?"):
                waiting = (self.fill(text), "ignored" if kind == "d?" else "dismissed" if reason else "", reason)
                answered = any(row["role"] == "agent" for row in self.rows)
                if until == "agent" and answered:
                    self.draft(last, waiting[0])
                    return
            elif kind == "a":
                if until == "agent" and any(row["role"] == "agent" for row in self.rows):
                    return
                sent = self.reply(text)
                if waiting:
                    self.draft(last, waiting[0], sent=sent, outcome=waiting[1], reason=waiting[2])
                waiting = None
            elif kind == "n":
                self.at += 20
                self.notes.append(
                    {"author": self.agent, "text": self.fill(text), "after": len(self.rows), "at": self.at}
                )

    def scene(self, lang, scene, kind="handled"):
        self.begin(lang, kind, scene.topic)
        if self.rng.random() < 0.3 and len(scene.lines) < 12:
            self.ask(self.rng.choice([one for one in self.facts[lang] if one.topic == scene.topic] or self.facts[lang]))
        self.act(scene)
        self.close()
        return self.finish(
            **self.past(),
            **self.visited(),
            tags=scene.tags,
            team=self.team(),
            priority=1 if scene.reason == "mood" else 0,
            rating=self.rate("bad" if scene.reason == "mood" else "good"),
        )

    def team(self):
        return "Shanghai" if self.lang == "zh" else "Customer care"

    def drafted(self, lang):
        """Somebody asks for a person right away and then asks what the documents know: drafts of every outcome."""
        asked = self.rng.sample(self.facts[lang], self.rng.choice([1, 2, 2, 3, 3, 4, 6, 9]))
        self.begin(lang, "drafted", asked[0].topic)
        self.customer(self.some(lang, "person"), (0, 1))
        self.handoff("asked", self.some(lang, "summary"))
        for place, fact in enumerate(asked):
            question = self.customer(self.rng.choice(fact.questions), (5, 40))
            if not place:
                self.come()
            self.respond(question, fact)
        if self.rng.random() < 0.7:
            self.customer(self.some(lang, "thanks"))
        self.close()
        return self.finish(**self.past(), **self.visited(), team=self.team(), rating=self.rate("good"))

    def respond(self, question, fact):
        text, source = fact.answer, (fact.document, fact.quotes[0])
        match self.rng.choices(["unchanged", "light", "rewrite", "dismissed", "ignored"], [10, 53, 20, 9, 8])[0]:
            case "light":
                greeted = self.join(self.some(self.lang, "before"), text) if self.rng.random() < 0.3 else text
                self.draft(question, text, sent=self.reply(self.signed(greeted)), fact=source)
            case "rewrite" if fact.reworded:
                self.draft(question, text, sent=self.reply(self.signed(fact.reworded)), fact=source)
            case "dismissed" if fact.reworded:
                other = self.rng.choice([one for one in self.facts[self.lang] if one.topic != fact.topic])
                reason = self.rng.choice(["wrong", "incomplete", "not_needed"])
                sent = self.reply(self.signed(fact.reworded))
                wrong = (other.document, other.quotes[0])
                self.draft(question, other.answer, sent=sent, outcome="dismissed", reason=reason, fact=wrong)
            case "ignored" if fact.reworded:
                self.draft(question, text, sent=self.reply(self.signed(fact.reworded)), outcome="ignored", fact=source)
            case "unchanged":
                self.draft(question, text, sent=self.reply(text), fact=source)
            case _:
                self.draft(question, text, sent=self.reply(self.signed(text)), fact=source)

    # --- now ------------------------------------------------------------------------------------------------
    def waiting(self, lang, scene):
        self.begin(lang, "waiting", scene.topic)
        self.act(scene, until="wait")
        ago = self.rng.choice([2, 4, 6, 9, 13, 18, 26, 41])
        return self.finish(
            ago=ago + self.at // 60, **self.visited(), state="waiting", tags=scene.tags, team=self.team(),
            priority={"mood": 2}.get(scene.reason, self.rng.choice([0, 0, 0, 1])),
        )  # fmt: skip

    def with_agent(self, lang, scene, *, snoozed=0):
        self.begin(lang, "snoozed" if snoozed else "with agent", scene.topic)
        self.act(scene, until="agent")
        more = {"snoozed_hours": snoozed, "ago": self.rng.randrange(150, 1300)} if snoozed else {}
        self.drafts = [draft for draft in self.drafts if not snoozed or draft.get("outcome")]
        return self.finish(
            **({"ago": self.at // 60 + self.rng.randrange(1, 20)} | more), **self.visited(), state="agent",
            tags=scene.tags, team=self.team(), priority=1 if scene.reason == "mood" else 0,
        )  # fmt: skip

    def with_bot(self, lang):
        fact = self.rng.choice(self.facts[lang])
        self.begin(lang, "with bot", fact.topic)
        self.ask(fact)
        return self.finish(ago=self.at // 60 + self.rng.randrange(1, 12), **self.visited(), state="bot")

    def several(self, count, make, *args):
        for _ in range(count):
            for _attempt in range(400):
                people = [dict(one) for one in self.people]
                if make(*args):
                    break
                self.people = people
            else:
                raise SystemExit(f"No further {make.__name__} {args}: write more variants.")

    def everything(self):
        for lang, answered, abstained, drafted, each in (("en", 118, 16, 70, 3), ("zh", 46, 7, 24, 2)):
            self.several(answered, self.answered, lang)
            self.several(abstained, self.abstained, lang)
            self.several(drafted, self.drafted, lang)
            for scene in self.scenes[lang]:
                self.several(each - (len(scene.lines) < 7), self.scene, lang, scene)
            plays = list(self.scenes[lang])
            self.rng.shuffle(plays)
            few = 1 if lang == "zh" else 3
            for scene in plays[: 4 * few - 1]:
                self.several(1, self.waiting, lang, scene)
            for scene in plays[4 * few - 1 : 7 * few]:
                self.several(1, self.with_agent, lang, scene)
            for scene in plays[7 * few : 8 * few + 1]:
                self.several(1, lambda lang, scene: self.with_agent(lang, scene, snoozed=26), lang, scene)
            self.several(2 * few, self.with_bot, lang)
        return self.made


def main():
    made = Maker(20261124).everything()
    lines = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in made]
    target = HERE / "conversations.jsonl"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(made)} conversations, {target.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
