"""Tables of the learning side: adapters that can be served. Datasets and runs join in with the training loop."""

from django.db import models


class Adapter(models.Model):
    """A LoRA adapter folder (safetensors only), named by its digest. At most one is active."""

    digest = models.CharField(max_length=64, unique=True)
    base_model = models.CharField(max_length=300)
    path = models.CharField(max_length=500)
    active = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["active"], condition=models.Q(active=True), name="one_active_adapter")
        ]

    def __str__(self) -> str:
        return self.digest[:12]
