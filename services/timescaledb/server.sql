-- What the Operations page shows of the server, and no role of ours may read by itself. The
-- entrypoint runs this as the superuser at each start. A function here takes no argument and does
-- one fixed thing as the superuser; none may be called until a role is declared for it
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

revoke all on all functions in schema timestack_server from public;
revoke all on all tables in schema timestack_server from public;
