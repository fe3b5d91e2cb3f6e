"""The callable that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "growthplatform.settings")

application = get_wsgi_application()

# Apps can be imported only now. What every click looks up is read before the first one comes.
from attribution import services as attribution  # noqa: E402

attribution.warm()
