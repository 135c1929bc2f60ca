class InvalidUsage(Exception):
    def __init__(self, message, status_code):
        super().__init__(message)
        self.message = message
        self.status_code = status_code

    def to_json(self):
        return {"errors": {"body": [self.message]}}


USER_NOT_FOUND = InvalidUsage("User not found", 404)
ARTICLE_NOT_FOUND = InvalidUsage("Article not found", 404)
USER_ALREADY_REGISTERED = InvalidUsage("User already registered", 422)
UNAUTHORIZED = InvalidUsage("Unauthorized", 401)
FORBIDDEN = InvalidUsage("Forbidden", 403)
