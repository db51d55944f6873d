-- Return the event in the form of webhook messages: id, slug and name.
--
-- Each function that calls `announce` calls it.
CREATE FUNCTION describe_event(event events_event) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', event.id, 'slug', event.slug, 'name', event.name)
$$;
