from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('locks', '0026_way_carried_over'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='closed_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='closed at'),
        ),
    ]
