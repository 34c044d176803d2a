"""Django's Redis cache, of which a hang costs one caller a timeout and not all of them, one after the other.

Raises what the Redis client raises, or `Hangs`; whoever uses the cache goes on without it.
"""

from typing import Any, Final

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis

from chatbot.conversations.live.breaker import Breaker

_breaker: Final = Breaker("The cache")


class _Client(Redis):
    def execute_command(self, *args: Any, **options: Any) -> Any:
        return _breaker.call(super().execute_command, *args, **options)


class _CacheClient(RedisCacheClient):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._client = _Client


class BoundedRedisCache(RedisCache):
    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _CacheClient
