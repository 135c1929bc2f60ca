-- filters
SELECT user.id, user.name, user.email FROM user WHERE user.name = :param_1 AND user.email IS NOT NULL ORDER BY user.name DESC LIMIT :param_2 OFFSET :param_3

-- filter_by
SELECT user.id, user.name, user.email FROM user WHERE user.name = :param_1 AND user.email IS NULL

-- operators
SELECT user.id, user.name, user.email FROM user WHERE user.name LIKE :param_1 AND user.email NOT LIKE :param_2 ESCAPE '/' OR user.id IN (:param_3, :param_4) OR user.id BETWEEN :param_5 AND :param_6

-- ilike
SELECT user.id, user.name, user.email FROM user WHERE user.name ILIKE :param_1 AND user.name IS DISTINCT FROM NULL

-- columns
SELECT DISTINCT user.name, post.title FROM user JOIN post ON user.id = post.author_id

-- outerjoin path
SELECT user.id, user.name, user.email FROM user LEFT OUTER JOIN post ON user.id = post.author_id LEFT OUTER JOIN post_tag AS post_tag_1 ON post.id = post_tag_1.post_id LEFT OUTER JOIN tag ON tag.id = post_tag_1.tag_id WHERE tag.label = :param_1

-- join of an alias
SELECT node.id, node.parent_id, node.name, boss.id AS id_1, boss.parent_id AS parent_id_1, boss.name AS name_1 FROM node JOIN node AS boss ON node.parent_id = boss.id WHERE boss.name = :param_1

-- aliased join
SELECT node.id, node.parent_id, node.name FROM node JOIN node AS node_1 ON node.id = node_1.parent_id WHERE node_1.name = :param_1 AND node.name = :param_2

-- orm join
SELECT user.name FROM user JOIN post ON user.id = post.author_id

-- any
SELECT user.id, user.name, user.email FROM user WHERE EXISTS (SELECT :param_1 FROM post WHERE user.id = post.author_id AND post.title = :param_2)

-- any of itself
SELECT node.id, node.parent_id, node.name FROM node WHERE EXISTS (SELECT :param_1 FROM node AS node_1 WHERE node.id = node_1.parent_id AND node_1.name = :param_2)

-- has
SELECT post.id, post.author_id, post.title FROM post WHERE EXISTS (SELECT :param_1 FROM user WHERE post.author_id = user.id AND user.name = :param_2)

-- exists
SELECT user.id, user.name, user.email FROM user WHERE EXISTS (SELECT post.id FROM post WHERE post.author_id = user.id)

-- not in subquery
SELECT user.id, user.name, user.email FROM user WHERE user.id NOT IN (SELECT post.author_id FROM post)

-- correlated scalar
SELECT user.name, (SELECT count(post.id) AS count FROM post WHERE post.author_id = user.id) AS n FROM user

-- group
SELECT user.name, max(post.id) AS newest FROM user JOIN post ON user.id = post.author_id GROUP BY user.name ORDER BY newest

-- derived table
SELECT user.name, busy.n FROM user JOIN (SELECT post.author_id, count(*) AS n FROM post GROUP BY post.author_id HAVING count(*) > :param_1) AS busy ON busy.author_id = user.id

-- from_self
SELECT anon_1.user_id, anon_1.user_name, anon_1.user_email FROM (SELECT user.id AS user_id, user.name AS user_name, user.email AS user_email FROM user ORDER BY user.id LIMIT :param_1) AS anon_1 WHERE anon_1.user_name = :param_2

-- union
SELECT anon_1.user_id, anon_1.user_name, anon_1.user_email FROM (SELECT user.id AS user_id, user.name AS user_name, user.email AS user_email FROM user WHERE user.name = :param_1 UNION SELECT user.id, user.name, user.email FROM user WHERE user.name = :param_2) AS anon_1 ORDER BY anon_1.user_name

-- union of limits
(SELECT user.id FROM user ORDER BY user.id LIMIT :param_1) UNION ALL SELECT post.id FROM post ORDER BY id

-- recursive cte
WITH RECURSIVE tree AS (SELECT node.id, node.name FROM node WHERE node.parent_id IS NULL UNION ALL SELECT node_1.id, node_1.name FROM node AS node_1, tree WHERE node_1.parent_id = tree.id) SELECT tree.name FROM tree ORDER BY tree.name

-- window
SELECT row_number() OVER (PARTITION BY post.author_id ORDER BY post.id DESC) AS n, sum(post.id) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS sum FROM post

-- filtered aggregate
SELECT count(post.id) FILTER (WHERE post.title = :param_1) AS count, avg(post.id) FILTER (WHERE post.id > :param_2) AS avg FROM post

-- within group
SELECT percentile_cont(:param_1) WITHIN GROUP (ORDER BY post.id) AS percentile_cont FROM post

-- case and cast
SELECT CASE WHEN user.id > :param_1 THEN :param_2 ELSE :param_3 END AS size, CAST(user.id AS VARCHAR) FROM user

-- row values
SELECT post.id FROM post WHERE (post.author_id, post.title) IN ((:param_1, :param_2), (:param_3, :param_4))

-- lock
SELECT user.id, user.name, user.email FROM user FOR UPDATE OF user NOWAIT

-- skip locked
SELECT user.id, user.name, user.email FROM user FOR SHARE SKIP LOCKED

-- text with columns
SELECT t.name FROM (SELECT id, name FROM x WHERE y = :y) AS t

-- from_statement
SELECT * FROM people WHERE age > :age

-- insert
INSERT INTO user (name, email) VALUES (:param_1, :param_2), (:param_3, :param_4) RETURNING user.id

-- insert from select
INSERT INTO tag (label) SELECT user.name FROM user WHERE user.id > :param_1

-- insert of a sequence
INSERT INTO numbered (x, id) VALUES (:param_1, nextval('numbers'))

-- upsert
INSERT INTO user (name, email) VALUES (:param_1, :param_2) ON CONFLICT (name) DO UPDATE SET email = excluded.email WHERE user.email != :param_3 RETURNING user.id

-- upsert of all
INSERT INTO user (name, email) VALUES (:param_1, :param_2) ON CONFLICT (name) DO UPDATE SET email = excluded.email

-- upsert by constraint
INSERT INTO user (name, email) VALUES (:param_1, :param_2) ON CONFLICT ON CONSTRAINT user_name_key DO NOTHING

-- do nothing
INSERT INTO tag (label) SELECT user.name FROM user ON CONFLICT DO NOTHING

-- update
UPDATE user SET email = user.name || :param_1 WHERE user.name = :param_2 RETURNING user.id, user.email

-- update from
UPDATE user SET email = post.title FROM post WHERE user.id = post.author_id

-- delete
DELETE FROM post WHERE post.author_id IN (SELECT user.id FROM user WHERE user.name = :param_1)

-- delete using
DELETE FROM post USING user WHERE post.author_id = user.id AND user.name = :param_1

-- array
SELECT arrayed.words FROM arrayed WHERE arrayed.words @> :param_1

-- literal array
SELECT :param_1

-- decimal
SELECT account.balance * :param_1 FROM account WHERE account.balance > :param_2 ORDER BY account.balance

-- ddl: 00 CreateSequence numbers
CREATE SEQUENCE IF NOT EXISTS numbers START WITH 5

-- ddl: 01 CreateTable account
CREATE TABLE account (
	id INTEGER NOT NULL,
	owner BIGINT,
	balance NUMERIC(12, 2) DEFAULT '0.00',
	opened TIMESTAMP DEFAULT (now()),
	tags JSON,
	CONSTRAINT pk_account PRIMARY KEY (id),
	CONSTRAINT ck_account_solvent CHECK (balance >= 0)
)

-- ddl: 02 CreateIndex ix_account_opened
CREATE INDEX ix_account_opened ON account (opened)

-- ddl: 03 CreateTable numbered
CREATE TABLE numbered (
	id INTEGER DEFAULT nextval('numbers') NOT NULL,
	x INTEGER,
	CONSTRAINT pk_numbered PRIMARY KEY (id)
)

-- ddl: 04 CreateTable identified
CREATE TABLE identified (
	id INTEGER GENERATED ALWAYS AS IDENTITY (START WITH 7) NOT NULL,
	x INTEGER,
	CONSTRAINT pk_identified PRIMARY KEY (id)
)

-- ddl: 05 CreateTable arrayed
CREATE TABLE arrayed (
	id INTEGER NOT NULL,
	words VARCHAR(9)[],
	CONSTRAINT pk_arrayed PRIMARY KEY (id)
)

-- ddl: 06 CreateTable elsewhere
CREATE TABLE "Other".elsewhere (
	id INTEGER NOT NULL,
	x INTEGER,
	CONSTRAINT pk_elsewhere PRIMARY KEY (id)
)

-- ddl: 07 CreateIndex ix_elsewhere_x
CREATE INDEX ix_elsewhere_x ON "Other".elsewhere (x)

-- ddl: 08 CreateTable order
CREATE TABLE order (
	id BIGINT NOT NULL,
	account_id INTEGER,
	"Mixed Case" VARCHAR(20),
	blob BLOB,
	CONSTRAINT pk_order PRIMARY KEY (id),
	CONSTRAINT fk_order_account_id_account FOREIGN KEY (account_id) REFERENCES account (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
	CONSTRAINT "uq_order_Mixed Case" UNIQUE ("Mixed Case"),
	CONSTRAINT own UNIQUE (account_id, "Mixed Case")
)

-- ddl: 09 CreateIndex ix_part
CREATE UNIQUE INDEX ix_part ON order (id) WHERE id > 10

-- ddl: 10 CreateIndex ix_lower
CREATE INDEX ix_lower ON order USING btree (lower("Mixed Case"))

-- ddl: 11 AddConstraint fk_account_owner_order
ALTER TABLE account ADD CONSTRAINT fk_account_owner_order FOREIGN KEY (owner) REFERENCES order (id)

-- ddl: 12 CommentOn account
COMMENT ON TABLE account IS 'it''s money'

-- ddl: 13 CommentOn account
COMMENT ON COLUMN account.owner IS 'whose it is'

-- ddl: drop
DROP TABLE order, account

-- ddl: drop sequence
DROP SEQUENCE IF EXISTS numbers

-- ddl: create schema
CREATE SCHEMA IF NOT EXISTS "Other"

-- ddl: drop schema
DROP SCHEMA IF EXISTS "Other" CASCADE
