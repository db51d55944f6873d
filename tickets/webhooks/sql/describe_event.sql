-- Return what each webhook message says of its event: id, slug and name.
--
-- All functions that call `announce` call it.
CREATE FUNCTION describe_event(event events_event) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', event.id, 'slug', event.slug, 'name', event.name)
$$;
