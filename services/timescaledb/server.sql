-- What the Operations page shows of the server, and no role of ours may read by itself. The
-- entrypoint runs this as the superuser at each start. A function here does one fixed thing as the
-- superuser, and takes no argument but a word of a short list; none may be called until a role is
-- declared for it
-- (timestack/shared/roles.py). Nothing of another schema is in its search path, since whoever may
-- make objects there could have it call theirs.

create schema if not exists timestack_server;
grant usage on schema timestack_server to public;

-- Where the image has no such library the entrypoint does not load it, and the page says so.
select 'create extension pg_stat_statements schema timestack_server'
 where current_setting('shared_preload_libraries') ~ '\ypg_stat_statements\y'
   and not exists (select from pg_extension where extname = 'pg_stat_statements') \gexec
select 'alter extension pg_stat_statements set schema timestack_server'
 where exists (select from pg_extension where extname = 'pg_stat_statements'
                  and extnamespace <> 'timestack_server'::regnamespace) \gexec

-- The twenty statements of this database that took the most time. Constants are parameters in
-- their texts; what is in quotes all the same is left out, for the rare one that was kept as it was.
create or replace function timestack_server.statements()
returns table (role name, runs bigint, total_ms float8, mean_ms float8, returned bigint,
               statement text, since timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select pg_get_userbyid(each.userid), each.calls, each.total_exec_time, each.mean_exec_time,
         each.rows, left(regexp_replace(each.query, $q$'(?:[^']|'')*'$q$, '''…''', 'g'), 4000),
         (select stats_reset from timestack_server.pg_stat_statements_info)
    from timestack_server.pg_stat_statements as each
   where each.dbid = (select oid from pg_database where datname = current_database())
   order by each.total_exec_time desc
   limit 20;
end
$$;

-- Clients by role and state, and for how many seconds the oldest transaction among them is open.
create or replace function timestack_server.connections()
returns table (role name, state text, clients bigint, oldest float8)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select usename, state, count(*),
         max(extract(epoch from clock_timestamp() - xact_start))::float8
    from pg_stat_activity
   where backend_type = 'client backend' and pid <> pg_backend_pid()
   group by usename, state
$$;

-- The bytes of the volume, as the health check has found them (healthcheck.py); null before.
create or replace function timestack_server.volume(
  out total bigint, out free bigint, out seen_at timestamptz)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select (found ->> 'total')::bigint, (found ->> 'free')::bigint,
         to_timestamp((found ->> 'at')::float8)
    from (select pg_read_file('/run/postgresql/volume.json', true)::json) as file (found)
$$;

-- Backups are taken by a program of this container (backups.py), in a session of its own: whoever
-- asks does not wait, and may die meanwhile.
create or replace function timestack_server.start_backup(type text) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  run uuid := gen_random_uuid();
begin
  if type is null or type not in ('full', 'diff', 'incr') then
    raise invalid_parameter_value using message = 'a backup is full, diff or incr';
  end if;
  execute format('copy (select 1) to program %L',
                 'exec python3 /usr/local/lib/timestack/backups.py start ' || run || ' take ' || type);
  return run;
end
$$;

create or replace function timestack_server.start_verification() returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  run uuid := gen_random_uuid();
begin
  execute format('copy (select 1) to program %L',
                 'exec python3 /usr/local/lib/timestack/backups.py start ' || run || ' verify');
  return run;
end
$$;

-- Has the repository read again, for the function below.
create or replace function timestack_server.look_at_backups() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  copy (select 1) to program 'exec python3 /usr/local/lib/timestack/backups.py start - list'
$$;

-- What runs or ran last, what was found in the repository, and the archiver now. Null before.
create or replace function timestack_server.backups(out run json, out found json, out archiver json)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select pg_read_file('/run/postgresql/backup-run.json', true)::json,
         pg_read_file('/run/postgresql/backups.json', true)::json,
         json_build_object(
           'on', current_setting('archive_mode') <> 'off',
           'archived', last_archived_wal,
           'archived_at', extract(epoch from coalesce(last_archived_time, stats_reset)),
           'failed_at', extract(epoch from last_failed_time),
           'waiting', (select count(*) from pg_ls_archive_statusdir() where name ~ '[.]ready$'),
           -- When initdb made the cluster is the upper half of its identifier.
           'made_at', (select (system_identifier >> 32) & 4294967295 from pg_control_system()))
    from pg_stat_archiver
$$;

revoke all on all functions in schema timestack_server from public;
revoke all on all tables in schema timestack_server from public;
