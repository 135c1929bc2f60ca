class Config:
    SECRET_KEY = "secret-key"
    UOW_DATABASE_URI = "postgresql://localhost/example"
