"""Tables of the learning side: examples, frozen datasets, training runs, adapters, evaluations, promotions.

They know no people and no conversations: where an example came from is `chatbot.training`'s to know.
"""

from django.db import models
from django.utils import timezone


class Example(models.Model):
    """A request as it is served, and the answer that should be given; for preferences also the one that should not.

    Everything in it is redacted before it is stored. `group` is an opaque name of whose conversation it was: examples
    of one group are never on both sides of a split.
    """

    class Kind(models.TextChoices):
        SUPERVISED = "supervised"
        PREFERENCE = "preference"

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        TAINTED = "tainted"
        """It may be used no longer: somebody's data was erased, or an attack was found."""

    digest = models.CharField(max_length=64, unique=True)
    """Of request, answer and rejected answer."""
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.SUPERVISED)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING, db_index=True)
    request = models.JSONField()
    """A `GenerationRequest` as JSON: turns, question, passages, language, company."""
    answer = models.TextField()
    rejected = models.TextField(blank=True)
    language = models.CharField(max_length=16, blank=True)
    topic = models.CharField(max_length=80, blank=True)
    origin = models.CharField(max_length=20)
    """What it was made from: reply, suggestion, edit, canned, fix, import."""
    group = models.CharField(max_length=64, db_index=True)
    happened_at = models.DateTimeField()
    passages = models.JSONField(default=list, blank=True)
    """Hashes of the passages it relies on."""
    stale = models.BooleanField(default=False)
    """A document that it relies on has changed since."""
    support = models.FloatField(default=0.0)
    """Share of the answer's sentences that its passages support (0..1)."""
    value = models.FloatField(default=0.0, db_index=True)
    """Expected worth of reviewing it; the queue's order."""
    reasons = models.JSONField(default=list, blank=True)
    """Why it is worth that, as codes."""
    flags = models.JSONField(default=list, blank=True)
    """What speaks against it: near-duplicate, trigger phrase, unsupported, personal data left."""
    by_chance = models.BooleanField(default=False)
    """Of the random slice that keeps review honest."""
    reviewed_by = models.CharField(max_length=150, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["state", "-value"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:12]}"


class Dataset(models.Model):
    """Approved examples, frozen: JSON Lines and a manifest in a folder named by its digest."""

    digest = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Example.Kind, default=Example.Kind.SUPERVISED)
    folder = models.CharField(max_length=500)
    manifest = models.JSONField(default=dict)
    """Counts, statistics and the leak report, as in manifest.json."""
    tainted = models.CharField(max_length=200, blank=True)
    """Why it may be used no longer; empty: it may."""
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    examples = models.ManyToManyField(Example, through="DatasetExample", related_name="datasets")

    def __str__(self) -> str:
        return f"{self.name} {self.digest[:12]}"


class DatasetExample(models.Model):
    """An example in a dataset, and on which side of the split."""

    class Split(models.TextChoices):
        TRAIN = "train"
        HELD_OUT = "held_out"

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE)
    example = models.ForeignKey(Example, on_delete=models.CASCADE)
    split = models.CharField(max_length=10, choices=Split)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "example"], name="example_once_per_dataset")]

    def __str__(self) -> str:
        return f"{self.dataset_id}/{self.example_id} {self.split}"


class Adapter(models.Model):
    """A LoRA adapter folder (safetensors only), named by its digest. At most one is active."""

    digest = models.CharField(max_length=64, unique=True)
    base_model = models.CharField(max_length=300)
    path = models.CharField(max_length=500)
    active = models.BooleanField(default=False)
    card = models.JSONField(default=dict, blank=True)
    """Lineage and figures: dataset, run, configuration, evaluation."""
    tainted = models.CharField(max_length=200, blank=True)
    """Why it should be answered with no longer; empty: it may."""
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["active"], condition=models.Q(active=True), name="one_active_adapter")
        ]

    def __str__(self) -> str:
        return self.digest[:12]


class TrainingRun(models.Model):
    """One training, from its order to its verdict. It runs as a process of its own that a worker watches over.

    The row is the queue: claimed by a conditional UPDATE, held by a lease, resumed from the last checkpoint.
    """

    class Method(models.TextChoices):
        SFT = "sft"
        DPO = "dpo"

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"
        FAILED = "failed"

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="runs")
    method = models.CharField(max_length=4, choices=Method, default=Method.SFT)
    base_model = models.CharField(max_length=300)
    config = models.JSONField(default=dict)
    """A `TrainingConfig` as JSON."""
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    cancel_asked = models.BooleanField(default=False)
    verdict = models.CharField(max_length=500, blank=True)
    """How it ended, in a sentence that says what to do."""
    progress = models.JSONField(default=dict, blank=True)
    """Newest figures: step, steps, loss, learning_rate, tokens_per_second, eta_seconds."""
    folder = models.CharField(max_length=500, blank=True)
    adapter = models.OneToOneField(Adapter, null=True, blank=True, on_delete=models.SET_NULL, related_name="run")
    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    pid = models.PositiveIntegerField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="running"), name="one_training_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"run {self.pk} {self.method} {self.state}"


class Evaluation(models.Model):
    """A candidate adapter beside the current one and the base model, on the same questions; and the gate's verdict.

    The row is the queue: claimed by a conditional UPDATE, held by a lease, begun anew where a worker died.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    class Verdict(models.TextChoices):
        NONE = "", "none yet"
        PASSED = "passed"
        BLOCKED = "blocked"

    adapter = models.ForeignKey(Adapter, on_delete=models.CASCADE, related_name="evaluations")
    against = models.ForeignKey(Adapter, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    """The adapter that answered at the time; empty: the base model."""
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="evaluations")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    figures = models.JSONField(default=dict, blank=True)
    """Figure -> {candidate, current, base, difference, low, high}."""
    verdict = models.CharField(max_length=10, choices=Verdict, default=Verdict.NONE, blank=True)
    reasons = models.JSONField(default=list, blank=True)
    """[{code, text, figure, passed, outcome, values}]: every check of the gate."""
    folder = models.CharField(max_length=500, blank=True)
    """answers.jsonl: every question with the three answers, for looking at and voting."""
    error = models.CharField(max_length=500, blank=True)
    probes = models.JSONField(default=dict, blank=True)
    """What is asked beside the held-out part (`finetune.probes`), as it was when this was ordered."""
    progress = models.JSONField(default=dict, blank=True)
    """Newest figures: done, steps, side, eta_seconds."""
    attempt = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="running"), name="one_evaluation_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"evaluation {self.pk} {self.verdict or self.state}"


class Promotion(models.Model):
    """An adapter on its way into service: a share of the conversations first, then all; or back. Rows are history."""

    class State(models.TextChoices):
        CANARY = "canary"
        ACTIVE = "active"
        ROLLED_BACK = "rolled_back"
        REPLACED = "replaced"

    adapter = models.ForeignKey(Adapter, null=True, on_delete=models.PROTECT, related_name="promotions")
    """Empty: the base model."""
    before = models.ForeignKey(Adapter, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    evaluation = models.ForeignKey(Evaluation, null=True, blank=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=12, choices=State, default=State.CANARY)
    share = models.FloatField(default=0.1)
    """Of the conversations, while it is a canary (0..1); sticky for each."""
    reason = models.CharField(max_length=300, blank=True)
    figures = models.JSONField(default=dict, blank=True)
    """What was counted live, for both sides."""
    by = models.CharField(max_length=150, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="canary"), name="one_canary_at_a_time"),
            models.CheckConstraint(condition=models.Q(share__gte=0, share__lte=1), name="promotion_share_0_to_1"),
        ]

    def __str__(self) -> str:
        return f"promotion {self.pk} {self.state} {self.share:.0%}"
