"""Which scope opens the routes that look into the service; written by hand, apart from the code."""

from __future__ import annotations

LOOKED_INTO = {
    ("GET", "/v1/map"): "read",
    ("GET", "/v1/feed"): "admin",
    ("GET", "/v1/status"): "read",
    ("POST", "/v1/jobs"): "admin",
    ("GET", "/v1/jobs"): "read",
    ("GET", "/v1/jobs/{job}"): "read",
    ("GET", "/v1/jobs/{job}/result"): "admin",
    ("DELETE", "/v1/jobs/{job}"): "admin",
    ("GET", "/v1/jobs/{job}/judgements"): "admin",
    ("POST", "/v1/jobs/{job}/judgements"): "admin",
    ("POST", "/v1/uploads"): "admin",
    ("POST", "/v1/uploads/{upload}"): "admin",
    ("GET", "/v1/uploads/{upload}"): "admin",
    ("DELETE", "/v1/uploads/{upload}"): "admin",
    ("GET", "/v1/pipeline"): "admin",
    ("POST", "/v1/pipeline/check"): "admin",
    ("GET", "/v1/backups"): "admin",
}
