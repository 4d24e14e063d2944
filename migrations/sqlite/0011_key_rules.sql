-- What an API key's calls are held to beside its limits, and what is noted of each: a JSON object, read as a whole with its key.

ALTER TABLE api_key ADD COLUMN rules TEXT;          -- null: none
