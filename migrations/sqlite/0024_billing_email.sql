-- Where bills and words about money go; NULL: to the owners.

ALTER TABLE organization ADD COLUMN billing_email TEXT;  -- lower case
