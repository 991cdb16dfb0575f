"""The measured function behind functions-framework."""

from index import main_handler


def handle(request):
    return main_handler(request.get_json(), {})
