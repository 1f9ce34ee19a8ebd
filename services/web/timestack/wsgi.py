"""What gunicorn serves: ``gunicorn -c gunicorn.conf.py timestack.wsgi:app``."""

from timestack.app import create_app

app = create_app()
