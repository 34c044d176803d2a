"""What people fill in on the training pages. Validation only."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from chatbot.training.models import Diagnosis, HarvestRule
from finetune.models import Adapter, Dataset, Example, TrainingRun
from finetune.training_config import USUAL

if TYPE_CHECKING:
    _RuleForm = forms.ModelForm[HarvestRule]
else:
    _RuleForm = forms.ModelForm

LONG: Final = 8000


class RuleForm(_RuleForm):
    """What of one inbox's conversations may become examples."""

    class Meta:
        model = HarvestRule
        fields = ["enabled", "require_consent", "min_rating", "replies", "suggestions", "per_contact", "per_agent"]
        labels = {
            "enabled": _("Learn from this inbox"),
            "require_consent": _("Only where the customer agreed"),
            "min_rating": _("Stars that a rated conversation needs"),
            "replies": _("Agents' own replies"),
            "suggestions": _("Drafts that an agent sent, edited or not"),
            "per_contact": _("Examples of one customer at most"),
            "per_agent": _("Examples of one agent at most"),
        }
        help_texts = {
            "enabled": _("Off: nothing of this inbox is ever looked at for learning."),
            "require_consent": _("Who was not asked has not agreed."),
            "min_rating": _("1 to 5; empty: any. Conversations without a rating pass."),
            "per_contact": _("Over all time, so that one customer cannot shape the model."),
            "per_agent": _("Over all time, so that no single voice takes over."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["min_rating"] = forms.IntegerField(
            label=self.Meta.labels["min_rating"], help_text=self.Meta.help_texts["min_rating"],
            required=False, min_value=1, max_value=5,
        )  # fmt: skip
        for name, most in (("per_contact", 1000), ("per_agent", 30000)):
            self.fields[name] = forms.IntegerField(
                label=self.Meta.labels[name], help_text=self.Meta.help_texts[name], min_value=1, max_value=most
            )


class FilterForm(forms.Form):
    """Which examples the queue shows; what makes no sense filters nothing."""

    state = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("all", _("All")), *Example.State.choices], widget=forms.HiddenInput
    )
    kind = forms.ChoiceField(
        label=_("Kind"), required=False,
        choices=[("", _("Any kind")), ("supervised", _("Answers to learn")),
                 ("preference", _("Better and worse answers"))],
    )  # fmt: skip
    language = forms.CharField(label=_("Language"), required=False, max_length=16)
    flagged = forms.BooleanField(label=_("With warnings"), required=False)
    q = forms.CharField(label=_("Words in the answer"), required=False, max_length=200)

    def narrowed(self) -> dict[str, Any]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class FixForm(forms.Form):
    """What was wrong, and what is right."""

    question = forms.CharField(label=_("Question"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
    wanted = forms.CharField(
        label=_("The right answer"), max_length=LONG, required=False, widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("As you would have written it. Leave it empty to find out first why the answer was wrong."),
    )  # fmt: skip
    passage_id = forms.IntegerField(
        label=_("Number of the right passage"), required=False, min_value=1, max_value=2**62,
        help_text=_("Only if you know it: the number stands beside each passage in the test bench."),
    )  # fmt: skip


class RouteForm(forms.Form):
    route = forms.ChoiceField(label=_("What should be done instead"), choices=Diagnosis.Route.choices)


class FreezeForm(forms.Form):
    """A name and the share that is kept for the examination."""

    name = forms.CharField(label=_("Name"), max_length=120)
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[("supervised", _("Answers to learn")), ("preference", _("Better and worse answers"))],
    )
    held_out = forms.IntegerField(
        label=_("Share kept for the examination (%)"), min_value=5, max_value=50, initial=20,
        help_text=_("These examples are never trained on. One customer is never on both sides."),
    )  # fmt: skip


class RunForm(forms.Form):
    """An order of a training."""

    dataset = forms.ModelChoiceField(
        label=_("Dataset"), queryset=Dataset.objects.filter(tainted="").order_by("-pk"), empty_label=None
    )
    base_model = forms.CharField(
        label=_("Base model"), max_length=300, help_text=_("A folder on the server or a name of the model hub.")
    )
    method = forms.ChoiceField(
        label=_("Method"), choices=[("sft", _("Supervised (SFT)")), ("dpo", _("Preferences (DPO)"))]
    )
    rank = forms.TypedChoiceField(
        label=_("Rank of the adapter"), coerce=int, choices=[(n, str(n)) for n in (4, 8, 16, 32, 64)],
        initial=USUAL.rank, help_text=_("How much it can learn. 16 suits most."),
    )  # fmt: skip
    targets = forms.ChoiceField(
        label=_("Layers that learn"), required=False,
        choices=[("", _("Every linear layer")), ("mlp", _("Feed-forward blocks alone"))],
        help_text=_("The blocks alone leave the attention as it was, with which a small model copies what it quotes."),
    )  # fmt: skip
    depth = forms.FloatField(
        label=_("Share of the layers that learn, from the top"), min_value=0.05, max_value=1, initial=USUAL.depth,
        help_text=_("1: all of them. With half of them a training takes little more than half the time."),
    )  # fmt: skip
    verbatim = forms.BooleanField(
        label=_("Learn only from answers that quote"), required=False, initial=USUAL.verbatim,
        help_text=_("A small model learns to invent from answers that put a passage into other words."),
    )  # fmt: skip
    epochs = forms.IntegerField(label=_("Times through the data"), min_value=1, max_value=20, initial=USUAL.epochs)
    max_steps = forms.IntegerField(
        label=_("Steps at most"), min_value=0, max_value=1_000_000, initial=USUAL.max_steps,
        help_text=_("The budget. 0: as many as the data needs."),
    )  # fmt: skip
    batch = forms.IntegerField(label=_("Examples at once"), min_value=1, max_value=256, initial=USUAL.batch)
    learning_rate = forms.FloatField(
        label=_("Learning rate"), min_value=1e-7, max_value=0.1, initial=USUAL.learning_rate
    )
    max_tokens = forms.IntegerField(
        label=_("Tokens of an example at most"), min_value=64, max_value=32768, initial=USUAL.max_tokens
    )

    lessons = forms.FloatField(
        label=_("Generated lessons for each example"), min_value=0, max_value=10, initial=USUAL.lessons,
        help_text=_("About invented companies. They keep the model able to copy, to cite and to say it does not know."),
    )  # fmt: skip
    unanswered = forms.FloatField(
        label=_("Share of examples also shown without their passages"), min_value=0, max_value=1,
        initial=USUAL.unanswered, help_text=_("The right answer is then not to know. Agents hardly ever write that."),
    )  # fmt: skip
    quotations = forms.FloatField(
        label=_("Questions made of the passages, for each example"), min_value=0, max_value=10,
        initial=USUAL.quotations,
        help_text=_("About sentences of your documents. The right answer quotes them, or is not to know."),
    )  # fmt: skip

    strength = forms.FloatField(
        label=_("How far to go towards what was learnt"), min_value=0.05, max_value=1, initial=USUAL.strength,
        help_text=_("1: all the way. Below, the model keeps more of what it could do before."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        dataset, method = said.get("dataset"), said.get("method")
        if dataset and method and (method == TrainingRun.Method.DPO) != (dataset.kind == Example.Kind.PREFERENCE):
            self.add_error(
                "method", _("Preferences (DPO) need a dataset of better and worse answers; SFT one of answers.")
            )
        return said

    def config(self) -> dict[str, Any]:
        said = {name: value for name, value in self.cleaned_data.items() if name not in ("dataset", "base_model")}
        return said | {"targets": tuple(filter(None, [said["targets"]]))}


class CanaryForm(forms.Form):
    share = forms.IntegerField(label=_("Share of the conversations (%)"), min_value=1, max_value=50, initial=10)


class RollBackForm(forms.Form):
    reason = forms.CharField(label=_("Why"), max_length=300)


class EvaluateForm(forms.Form):
    """Which adapter is examined, and on whose held-out part."""

    adapter = forms.ModelChoiceField(
        label=_("Adapter"), queryset=Adapter.objects.filter(tainted="").order_by("-pk"), empty_label=None
    )
    dataset = forms.ModelChoiceField(
        label=_("Dataset"), queryset=Dataset.objects.filter(tainted="").order_by("-pk"), empty_label=None,
        help_text=_("Its held-out part is asked. Choose the one that the adapter was trained on, or a newer one."),
    )  # fmt: skip
