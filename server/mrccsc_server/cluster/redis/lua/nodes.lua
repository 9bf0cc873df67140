-- What is known of all live nodes.
return cjson.encode({ lost = false, live = infos(live()) })
