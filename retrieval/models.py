"""Tables of the knowledge base: Source -> Document -> Passage, and the versions of the index built from them.

Knows nothing of customers or users: who did something is a plain text label.
"""

from django.db import models


class Source(models.Model):
    """Where documents come from and how to fetch them again."""

    class Kind(models.TextChoices):
        UPLOAD = "upload"
        URL = "url"
        SITEMAP = "sitemap"
        FOLDER = "folder"
        DATASET = "dataset"

    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=200)
    location = models.CharField(max_length=2000, blank=True)
    """URL, sitemap URL, folder or file path; empty for uploads."""
    collection = models.SlugField(max_length=60, default="default", db_index=True)
    status = models.CharField(max_length=12, default="idle")
    """idle | syncing | failed"""
    reason = models.CharField(max_length=500, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.name


class Document(models.Model):
    """One file or page as Markdown. Its `status` says whether it is in the answers, and `reason` why not."""

    class Status(models.TextChoices):
        PENDING = "pending"
        PROCESSING = "processing"
        READY = "ready"
        FAILED = "failed"
        DELETED = "deleted"

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="documents")
    key = models.CharField(max_length=500)
    """Identity within the source: file name, URL or doc_id."""
    title = models.CharField(max_length=500, blank=True)
    url = models.CharField(max_length=2000, blank=True)
    lang = models.CharField(max_length=16, blank=True)
    media_type = models.CharField(max_length=120, blank=True)
    updated = models.DateField(null=True, blank=True)
    """When the document says it was last changed."""
    blob = models.CharField(max_length=300, blank=True)
    """File of the original bytes below the upload folder, named by its hash."""
    markdown = models.TextField(blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    metadata_hash = models.CharField(max_length=64, blank=True)
    indexed_hash = models.CharField(max_length=64, blank=True)
    """Of what its passages were cut from (content, title, way of cutting); differs from the present: cut again."""
    indexed_metadata_hash = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING, db_index=True)
    reason = models.CharField(max_length=500, blank=True)
    bytes = models.PositiveBigIntegerField(default=0)
    details = models.JSONField(default=dict, blank=True)
    """What file and server said about it: author, pages, etag, last_modified, fetched. Shown to admins only."""
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="document_once_per_source")]

    def __str__(self) -> str:
        return self.title or self.key


class Passage(models.Model):
    """A stretch of a document that is searched and cited as one. Offsets count characters of `Document.markdown`.

    A retired passage belongs to an earlier text of its document. It stays while a kept IndexVersion holds it, so that
    rolling back shows what that version knew.
    """

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="passages")
    ordinal = models.PositiveIntegerField()
    heading_path = models.JSONField(default=list)
    text = models.TextField()
    context = models.TextField(blank=True)
    """What a reader of the text alone misses: the header row of a table that began earlier."""
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    tokens = models.PositiveIntegerField(default=0)
    text_hash = models.CharField(max_length=64, db_index=True)
    retired = models.BooleanField(default=False, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["document", "ordinal"], condition=models.Q(retired=False), name="passage_once_per_document"
            )
        ]
        ordering = ["document_id", "ordinal"]

    def __str__(self) -> str:
        return f"{self.document_id}#{self.ordinal}"


class IndexVersion(models.Model):
    """An immutable folder named by its digest. At most one is active; activation moves this pointer."""

    class Status(models.TextChoices):
        BUILDING = "building"
        READY = "ready"
        FAILED = "failed"

    digest = models.CharField(max_length=64, unique=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.BUILDING)
    active = models.BooleanField(default=False)
    recipe = models.JSONField(default=dict)
    passages = models.PositiveIntegerField(default=0)
    documents = models.PositiveIntegerField(default=0)
    recall = models.FloatField(null=True, blank=True)
    """Agreement of the built FAISS index with an exact search on a sample, measured after each build."""
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["active"], condition=models.Q(active=True), name="one_active_index")
        ]
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.digest[:12]
