"""What a browser would send from an admin page."""

from typing import Any

from django.test import Client


def filled(page: Any, **changes: Any) -> dict[str, Any]:
    """The page's form as it came, hidden initial values included, with some fields changed."""
    sent: dict[str, Any] = {}
    for field in page.context["adminform"].form:
        value = field.field.widget.format_value(field.value())
        value = value[0] if isinstance(value, list) and value else value
        checkbox = getattr(field.field.widget, "input_type", "") == "checkbox"
        for name in (field.html_name, field.html_initial_name):
            if name.startswith("initial-") and not field.field.show_hidden_initial:
                continue
            if not checkbox:
                sent[name] = "" if value is None or value == [] else value
            elif field.value():
                sent[name] = "on"
    for name, value in changes.items():
        if value is None:
            sent.pop(name, None)
        else:
            sent[name] = value
    return sent


def save(client: Client, url: str, **changes: Any) -> Any:
    """Open a page, change fields (None: uncheck, leave out), save, and follow where it leads."""
    page = client.get(url)
    assert page.status_code == 200, page.status_code
    return client.post(url, filled(page, **changes), follow=True)


def messages_of(response: Any) -> str:
    """What the page after a save tells."""
    return " ".join(str(message) for message in response.context["messages"])
