"""Makes what the starter model learns from: invented companies, their documents, and conversations about them.

Nothing of any real company is in it. No torch here; `finetune.pretraining` does the training.
"""
