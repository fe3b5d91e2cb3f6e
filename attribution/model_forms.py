"""The form of a project's own weights. What they may be is decided in credit.Weights; the form says it in fields."""

from typing import Any

from django import forms

from attribution import crediting
from attribution.models import CreditModel
from growthplatform.core.errors import InvalidField

EQUAL, PLACE = "equal", "place"
NUMBER = {"inputmode": "decimal", "autocomplete": "off"}


class WeightsForm(forms.Form):
    """Make weights of a project's own, or change them."""

    name = forms.CharField(label="Name", max_length=crediting.NAME_LENGTH, help_text="How its column is headed.")
    base = forms.ChoiceField(
        label="How touches count",
        choices=[(PLACE, "By their place: first, between, last"), (EQUAL, "All alike")],
        initial=PLACE,
    )
    first = forms.FloatField(
        label="First touch", initial=40, widget=forms.TextInput(NUMBER), help_text="Only ratios matter."
    )
    middle = forms.FloatField(label="Touches between, together", initial=20, widget=forms.TextInput(NUMBER))
    last = forms.FloatField(label="Last touch", initial=40, widget=forms.TextInput(NUMBER))
    half_life_days = forms.FloatField(
        label="Half-life in days",
        required=False,
        widget=forms.TextInput(NUMBER),
        help_text="A touch counts half for every so many days before the last one. Empty: age does not matter.",
    )
    view = forms.FloatField(
        label="A view counts, of a click",
        initial=1,
        widget=forms.TextInput(NUMBER),
        help_text="1 is as much as a click, 0.25 a quarter, 0 nothing.",
    )

    def __init__(self, *args: Any, model: CreditModel | None = None, **kwargs: Any) -> None:
        if model:
            weights = crediting.weights_of(model)
            stored = {**weights.to_json(), "name": model.name, "base": EQUAL if weights.equal else PLACE}
            kwargs["initial"] = stored
        super().__init__(*args, **kwargs)

    def settings(self) -> dict[str, Any]:
        """Return what was filled in as weights; by place is not asked for where all touches count alike."""
        given = {name: self.cleaned_data.get(name) for name in ("first", "middle", "last", "view")}
        found: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        found["equal"] = self.cleaned_data.get("base") == EQUAL
        found["half_life_days"] = self.cleaned_data.get("half_life_days")
        return found

    def show(self, refusal: InvalidField) -> None:
        """Put what was refused beside its fields."""
        for one in refusal.detail:
            self.add_error(one["field"] if one["field"] in self.fields else None, one["message"])
