import os


class Config:
    SECRET_KEY = "hard to guess string"
    UOW_DATABASE_URI = os.environ.get("DATABASE_URL", "sqlite:///data.sqlite")
    UOW_RECORD_QUERIES = True
    UOW_ENGINE_OPTIONS = {"pool_pre_ping": True}
    BLOG_ADMIN = "admin@example.com"
    POSTS_PER_PAGE = 2
    SLOW_DB_QUERY_TIME = 0.5
