"""Who signs in."""

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A person who signs in to the admin. What he may do there, his organizers say."""

    def __str__(self) -> str:
        return self.get_full_name() or self.username
