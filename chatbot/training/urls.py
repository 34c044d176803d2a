"""Addresses of the training pages, below /training/."""

from django.urls import path

from chatbot.training.views import datasets, evaluations, fixes, harvests, home, reviews, runs, votes

app_name = "training"
urlpatterns = [
    path("", home.home, name="home"),
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
    path("evaluations/", evaluations.evaluations, name="evaluations"),
    path("evaluations/work/<str:token>/", evaluations.waiting, name="evaluation_work"),
    path("evaluations/<int:evaluation_id>/", evaluations.evaluation, name="evaluation"),
    path("evaluations/<int:evaluation_id>/vote/", votes.vote, name="vote"),
]
