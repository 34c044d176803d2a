"""Addresses of the training pages, below /training/."""

from django.urls import path

from chatbot.training.views import datasets, erasing, fixes, harvests, home, promotions, replays, reviews, runs

app_name = "training"
urlpatterns = [
    path("", home.home, name="home"),
    path("erase/", erasing.search, name="erase"),
    path("erase/<int:contact_id>/", erasing.confirm, name="erase_contact"),
    path("erase/receipt/<int:erasure_id>/", erasing.receipt, name="receipt"),
    path("erase/receipt/<int:erasure_id>/receipt.json", erasing.receipt_file, name="receipt_file"),
    path("harvest/", harvests.harvest, name="harvest"),
    path("harvest/now/", harvests.now, name="harvest_now"),
    path("harvest/now/<str:token>/", harvests.outcome, name="harvested"),
    path("harvest/<int:inbox_id>/", harvests.rule, name="harvest_rule"),
    path("review/", reviews.queue, name="review"),
    path("review/<int:example_id>/", reviews.example, name="example"),
    path("review/<int:example_id>/edit/", reviews.edit, name="edit_example"),
    path("review/decide/", reviews.decide, name="decide"),
    path("fixes/", fixes.fixes, name="fixes"),
    path("fix/", fixes.fix, name="fix"),
    path("fix/work/<str:token>/", fixes.waiting, name="fix_work"),
    path("fix/<int:diagnosis_id>/", fixes.diagnosis, name="diagnosis"),
    path("fix/<int:diagnosis_id>/overrule/", fixes.overrule, name="overrule"),
    path("fix/<int:diagnosis_id>/apply/", fixes.apply, name="apply_fix"),
    path("datasets/", datasets.datasets, name="datasets"),
    path("datasets/<int:dataset_id>/", datasets.dataset, name="dataset"),
    path("runs/", runs.runs, name="runs"),
    path("runs/new/", runs.new, name="new_run"),
    path("runs/<int:run_id>/", runs.run, name="run"),
    path("runs/<int:run_id>/cancel/", runs.cancel, name="cancel_run"),
    path("adapters/", promotions.adapters, name="adapters"),
    path("adapters/<int:adapter_id>/", promotions.adapter, name="adapter"),
    path("canary/<int:evaluation_id>/", promotions.canary, name="start_canary"),
    path("promotions/<int:promotion_id>/promote/", promotions.promote, name="promote"),
    path("promotions/<int:promotion_id>/back/", promotions.roll_back, name="roll_back"),
    path("replay/", replays.replay, name="replay"),
    path("replay/<str:token>/", replays.outcome, name="replayed"),
]
